//! The operations manual of Portagent 1.9, chapter by chapter: its commands as they stand, against ours.

mod data;
mod guide;
mod stage;
