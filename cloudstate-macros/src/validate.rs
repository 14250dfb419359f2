//! The rules. Each broken one is an error at the offending token, which says what to write; what is sound still becomes
//! part of the model, so that one pass finds everything.

mod action;
mod block;
mod call;
mod command;
mod entity;
mod event;
mod replicated;
mod signature;
mod snapshot;
mod upcaster;

pub(crate) use action::action;
pub(crate) use block::handlers;
pub(crate) use entity::entity;
