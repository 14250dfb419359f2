//! The model services of the TCK as a program.
//!
//! A service like any other: `CLOUDSTATE_ROLE=user-function` makes it serve a proxy, or the TCK, on `HOST` and `PORT`.

// As the harness includes it, which serves the models from its own process.
#[path = "models.rs"]
mod models;

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    models::cloudstate().run().await
}
