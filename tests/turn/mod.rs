//! A turn: from a person's message to the end that is announced exactly once.

mod connections;
mod context;
mod endings;
mod exact;
mod failures;
mod first_day;
mod html;
mod order;
mod proxy;
mod queue;
mod repeats;
mod stop;
mod stored_later;
mod take_back;
mod tools;
