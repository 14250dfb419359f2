use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[derive(Debug, PartialEq)]
enum Refusal {
    Refused(String),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal::Refused(failure.to_string())
    }
}

fn check(quantity: i32, limit: i32) -> Result<(), Refusal> {
    ensure!(quantity > 0, "{quantity} is not positive");
    ensure!(quantity <= limit, "{} is above {limit:?}", quantity);
    ensure! { quantity != 13 || limit == 13, "unlucky", }
    Ok(())
}

fn main() {
    let refused = |text: &str| Err(Refusal::Refused(text.to_owned()));
    assert_eq!(check(0, 9), refused("0 is not positive"));
    assert_eq!(check(10, 9), refused("10 is above 9"));
    assert_eq!(check(13, 20), refused("unlucky"));
    assert_eq!(check(13, 13), Ok(()));
}
