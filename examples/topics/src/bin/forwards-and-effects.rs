//! Three services that work together: an action forwards an order to its entity, which sends a mail as a side effect.

use cloudstate::prelude::*;

mod pb {
    cloudstate::include_proto!("com.example.checkout");
}

#[action(service = pb::Checkout)]
#[derive(Default)]
struct Checkout;

#[handlers]
impl Checkout {
    /// Compiles because `Place` answers with what `Buy` answers with; its reply goes to the caller.
    #[call_handler]
    fn buy(&self, order: pb::Order) -> Result<Forward<pb::rpc::orders::Place>, Failure> {
        ensure!(!order.product.is_empty(), "name a product");
        Ok(Forward::to(pb::Orders::Place, order))
    }
}

/// An order. It is placed once, however often the customer clicks.
#[event_sourced_entity(service = pb::Orders, persistence_id = "order")]
#[derive(Default)]
struct Order {
    product: Option<String>,
}

#[handlers]
impl Order {
    #[command_handler]
    fn place(this: &mut Context<Self>, order: pb::Order) -> Result<pb::Receipt, Failure> {
        let pb::Order {
            order_id,
            customer,
            product,
        } = order;
        if this.product.is_none() {
            this.emit(pb::Placed {
                product: product.clone(),
            });
            let text = format!("{product} is on its way");
            let mail = pb::Mail { customer, text };
            // Carried out once the event is durable; synchronous: the reply waits until the mail is delivered.
            this.effect(SideEffect::to(pb::Mailbox::Deliver, mail).synchronous());
        }
        let product = this.product.clone().unwrap_or_default();
        Ok(pb::Receipt { order_id, product })
    }

    #[event_handler]
    fn placed(&mut self, event: pb::Placed) {
        self.product = Some(event.product);
    }
}

/// A customer's mails, the latest ten.
#[value_entity(service = pb::Mailbox, persistence_id = "mailbox")]
#[derive(Default)]
struct Mailbox {
    texts: Vec<String>,
}

#[handlers]
impl Mailbox {
    #[command_handler]
    fn deliver(mailbox: &mut Context<Self>, mail: pb::Mail) {
        mailbox.texts.push(mail.text);
        let surplus = mailbox.texts.len().saturating_sub(10);
        mailbox.texts.drain(..surplus);
    }

    #[command_handler]
    fn read(&self) -> pb::Mails {
        self.save()
    }

    #[snapshot]
    fn save(&self) -> pb::Mails {
        let texts = self.texts.clone();
        pb::Mails { texts }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Mails) {
        self.texts = saved.texts;
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
