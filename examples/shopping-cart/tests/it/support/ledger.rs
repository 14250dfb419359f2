//! What clients were told about their adds, held against what is in the carts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Mutex,
};

use super::cart::CartClient;

/// Every add of a test. Each adds one of a product that nothing else adds.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<String, Adds>>);

/// The adds to one cart, by what is known of them.
#[derive(Debug, Default)]
struct Adds {
    acknowledged: BTreeSet<String>,
    /// The client had no answer, and nobody has looked yet.
    uncertain: BTreeSet<String>,
    /// Not answered, but found in the cart.
    survived: BTreeSet<String>,
    /// Not answered, and not found in the cart.
    gone: BTreeSet<String>,
}

/// What there is, after a check.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acknowledged: usize,
    pub(crate) survived: usize,
    pub(crate) gone: usize,
}

impl Ledger {
    /// Adds one of the product, and notes what came of it.
    ///
    /// # Errors
    /// There was no acknowledgement.
    pub(crate) async fn add(
        &self,
        client: &CartClient,
        cart: &str,
        product: &str,
    ) -> Result<(), tonic::Status> {
        let added = client.add_item(cart, product, 1).await;
        let mut carts = self.0.lock().unwrap();
        let adds = carts.entry(cart.to_owned()).or_default();
        let list = match added {
            Ok(()) => &mut adds.acknowledged,
            Err(_) => &mut adds.uncertain,
        };
        list.insert(product.to_owned());
        added
    }

    /// Reads every cart, and counts what there is. What was acknowledged is there once; what was not answered is there
    /// once or not at all, and stays as it is from now on.
    ///
    /// # Panics
    /// Something is missing, double, or from nowhere.
    pub(crate) async fn check(&self, client: &CartClient) -> Counts {
        let carts: Vec<String> = self.0.lock().unwrap().keys().cloned().collect();
        let mut counts = Counts::default();
        for cart in carts {
            let lines = client.lines(&cart).await;
            let mut ledger = self.0.lock().unwrap();
            let adds = ledger.get_mut(&cart).expect("a cart of the ledger");
            adds.settle(&cart, lines);
            counts.acknowledged += adds.acknowledged.len();
            counts.survived += adds.survived.len();
            counts.gone += adds.gone.len();
        }
        counts
    }
}

impl Adds {
    fn settle(&mut self, cart: &str, lines: Vec<(String, i32)>) {
        let twice: Vec<_> = lines
            .iter()
            .filter(|(_, quantity)| *quantity != 1)
            .collect();
        assert!(twice.is_empty(), "{cart}: not exactly once: {twice:?}");
        let found: BTreeSet<String> = lines.into_iter().map(|(product, _)| product).collect();

        let lost: Vec<_> = self.acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "{cart}: acknowledged, but lost: {lost:?}");
        let lost: Vec<_> = self.survived.difference(&found).collect();
        assert!(lost.is_empty(), "{cart}: read once, but lost: {lost:?}");
        let risen: Vec<_> = self.gone.intersection(&found).collect();
        assert!(risen.is_empty(), "{cart}: gone, and back again: {risen:?}");

        for product in std::mem::take(&mut self.uncertain) {
            if found.contains(&product) {
                self.survived.insert(product);
            } else {
                self.gone.insert(product);
            }
        }
        let foreign: Vec<_> = found
            .iter()
            .filter(|added| !self.acknowledged.contains(*added) && !self.survived.contains(*added))
            .collect();
        assert!(foreign.is_empty(), "{cart}: added by nobody: {foreign:?}");
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged and there, {} unanswered and there, {} unanswered and not there",
            self.acknowledged, self.survived, self.gone
        )
    }
}
