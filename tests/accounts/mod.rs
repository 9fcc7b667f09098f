//! Accounts as people, scripts and attackers meet them.

mod commands;
mod first;
mod invites;
mod leaving;
mod limits;
mod login;
mod outside;
mod own;
mod second_step;
mod tokens;
