use cloudstate::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Json)]
#[json(name = "")]
struct NoName;

#[derive(Serialize, Deserialize, Json)]
#[json(name = "item added")]
struct SpacedName;

#[derive(Serialize, Deserialize, Json)]
#[json(version = 0)]
struct VersionZero;

#[derive(Serialize, Deserialize, Json)]
#[json(nam = "added")]
struct Misspelt;

#[derive(Serialize, Deserialize, Json)]
#[json = "added"]
struct NoParentheses;

#[derive(Serialize, Deserialize, Json)]
struct Generic<T>(Vec<T>);

fn main() {}
