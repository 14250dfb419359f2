//! The harness against services that do right, and against services that do wrong.

mod model_service;
mod verdicts;
