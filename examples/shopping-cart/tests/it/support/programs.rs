//! The programs under test.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use end_to_end::{Program, Running, cargo_build};

use super::cart::CartClient;

/// The shopping cart, on a free port, with nothing stored.
pub(crate) fn shopping_cart() -> Program {
    Program::new(env!("CARGO_BIN_EXE_shopping-cart"))
}

/// The shopping cart's entities only, for a proxy that dials this port.
pub(crate) fn user_function(port: u16) -> Program {
    shopping_cart()
        .env("CLOUDSTATE_ROLE", "user-function")
        .env("PORT", port.to_string())
}

/// The sidecar, on a free port of the loopback interface, with a user function on this port.
pub(crate) fn proxy(user_function: u16) -> Program {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let executable = PATH.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        cargo_build(here, &["--package", "cloudstate-proxy"], "cloudstate-proxy")
    });
    Program::new(executable)
        .env("HTTP_HOST", "127.0.0.1")
        .env("USER_FUNCTION_PORT", user_function.to_string())
}

/// A client of the cart that a program serves.
pub(crate) trait ServesCarts {
    async fn cart(&self) -> CartClient;
}

impl ServesCarts for Running {
    async fn cart(&self) -> CartClient {
        CartClient::connect(self.address()).await
    }
}
