//! On which port operators are served, if on any.

use std::str::FromStr;

use cloudstate_process::value;

/// Where operators are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorPort {
    /// Nowhere.
    Off,
    /// On this port; 0 is any that is free.
    Port(u16),
}

impl FromStr for OperatorPort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            _ => value::port(text)
                .map(Self::Port)
                .map_err(|_| "write a number from 0 to 65535, or off"),
        }
    }
}
