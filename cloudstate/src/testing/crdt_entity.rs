//! A CRDT entity under test, on several nodes.

mod node;
mod outcome;

use std::{
    ops::{Index, IndexMut},
    sync::{Arc, atomic::AtomicI64},
};

use cloudstate_proxy::crdt::{Cluster, Crdt, ReplicaId};

pub use node::CrdtNode;
pub use outcome::CrdtOutcome;

use super::fixture;
use crate::{CrdtEntity, Create, EntityId, Handlers};

/// A CRDT entity under test: nodes that each have a copy of it, and hear of each other when the test says so.
///
/// It is what runs in production, without the network: the state machine of the protocol, and the proxy's own copies.
/// Between two [`exchange`](Self::exchange)s the nodes know nothing of each other's commands, as if the network between
/// them were down. Of two writes to a register the later one counts, in the order of the test.
///
/// ```
/// # use cloudstate::{crdt::ORSet, prelude::*, testing::CrdtTest};
/// # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs")); }
/// # #[crdt_entity(service = pb::Cart)]
/// # #[derive(Default)]
/// # struct Cart { #[crdt] products: ORSet<String> }
/// # #[handlers(partial)]
/// # impl Cart {
/// #     #[command_handler]
/// #     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) { cart.products.insert(item.product); }
/// # }
/// let mut carts = CrdtTest::<Cart>::new("cart-1", 2);
/// let add = |product: &str| pb::AddItem { cart: "cart-1".into(), product: product.into() };
/// carts[0].command(pb::Cart::AddItem, add("tea")).reply();
/// carts[1].command(pb::Cart::AddItem, add("milk")).reply();
/// assert_eq!(carts[0].state().products.len(), 1);
///
/// carts.exchange();
/// carts.assert_converged();
/// assert_eq!(carts[0].state().products.len(), 2);
/// ```
#[derive(Debug)]
pub struct CrdtTest<E> {
    nodes: Vec<CrdtNode<E>>,
}

impl<E: Handlers + CrdtEntity + Create> CrdtTest<E> {
    /// An entity without content on this number of nodes.
    ///
    /// # Panics
    /// Creating the entity panics, or there are no nodes.
    #[track_caller]
    pub fn new(id: impl Into<EntityId>, nodes: usize) -> Self {
        Self::with(id, nodes, E::create)
    }
}

impl<E: Handlers + CrdtEntity> CrdtTest<E> {
    /// An entity that needs something from outside, as [`Cloudstate::register_with`](crate::Cloudstate::register_with)
    /// has it.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn with(
        id: impl Into<EntityId>,
        nodes: usize,
        create: impl Fn(&EntityId) -> E + Send + Sync + 'static,
    ) -> Self {
        assert!(nodes > 0, "an entity is on one node at least");
        let user_function = fixture::user_function(create);
        let id = id.into();
        let clock = Arc::new(AtomicI64::new(0));
        let members = (1..).map(ReplicaId::new).take(nodes);
        let nodes = members.clone().map(|member| {
            let cluster = Cluster::new(member, members.clone());
            let (user_function, clock) = (user_function.clone(), Arc::clone(&clock));
            CrdtNode::not_loaded(user_function, id.clone(), cluster, clock)
        });
        let mut nodes: Vec<_> = nodes.collect();
        for node in &mut nodes {
            node.reload();
        }
        Self { nodes }
    }

    /// Lets every node hear of what has happened on all others.
    ///
    /// # Panics
    /// An entity breaks down over it.
    #[track_caller]
    pub fn exchange(&mut self) {
        let all: Vec<usize> = (0..self.nodes.len()).collect();
        self.exchange_between(&all);
    }

    /// Lets these nodes hear of what has happened on each other, and no others.
    ///
    /// # Panics
    /// There is no node of such a number, or an entity breaks down over it.
    #[track_caller]
    pub fn exchange_between(&mut self, nodes: &[usize]) {
        let deleted = nodes.iter().any(|&node| self.nodes[node].is_deleted);
        let copies: Vec<Crdt> = nodes
            .iter()
            .filter_map(|&node| self.nodes[node].current.clone())
            .collect();
        for &node in nodes {
            if deleted {
                self.nodes[node].hear_of_deletion();
            } else {
                self.nodes[node].hear_of(&copies);
            }
        }
    }

    /// Checks that all nodes have the same value, and that each entity has in memory what its node has.
    ///
    /// # Panics
    /// They have not, be it because they have not heard of each other since the last change.
    #[track_caller]
    pub fn assert_converged(&self) {
        let first = &self.nodes[0];
        for (number, node) in self.nodes.iter().enumerate() {
            assert!(
                node.is_deleted == first.is_deleted && node.current == first.current,
                "nodes 0 and {number} differ: {:?} and {:?}",
                first.value(),
                node.value()
            );
            node.assert_same_in_memory(number);
        }
    }
}

impl<E> Index<usize> for CrdtTest<E> {
    type Output = CrdtNode<E>;

    fn index(&self, node: usize) -> &CrdtNode<E> {
        &self.nodes[node]
    }
}

impl<E> IndexMut<usize> for CrdtTest<E> {
    fn index_mut(&mut self, node: usize) -> &mut CrdtNode<E> {
        &mut self.nodes[node]
    }
}
