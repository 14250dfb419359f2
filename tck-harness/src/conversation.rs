//! Everything that was said in a case, for the report of its failure.

use std::{cell::RefCell, rc::Rc};

use crate::{failure::Failure, text::Outline};

/// Longest line of a conversation, in characters; the difference below it shows everything.
const LINE: usize = 400;

/// The messages of one case, over all its connections, in order. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Conversation(Rc<RefCell<Log>>);

#[derive(Debug, Default)]
struct Log {
    lines: Vec<String>,
    /// On any connection.
    last_sent: Option<Outline>,
    connections: usize,
    open: usize,
}

/// Where something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the proxy, and from the proxy to the service.
    There,
    /// From the service to the proxy, and from the proxy to the client.
    Back,
}

/// One connection of a conversation. Clones speak for the same one.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    conversation: Conversation,
    number: usize,
}

impl Conversation {
    /// What was said so far: `#1 -> ` was sent on the first connection, `#1 <- ` received.
    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().lines.clone()
    }

    /// Connections that were opened and have not been completed by both sides.
    pub fn open_connections(&self) -> usize {
        self.0.borrow().open
    }

    /// A connection that the harness has to end.
    pub(crate) fn join(&self) -> Speaker {
        self.0.borrow_mut().open += 1;
        self.overhear()
    }

    /// A connection of others.
    pub(crate) fn overhear(&self) -> Speaker {
        let mut log = self.0.borrow_mut();
        log.connections += 1;
        Speaker {
            conversation: self.clone(),
            number: log.connections,
        }
    }
}

impl Speaker {
    pub(crate) fn sent(&self, message: Outline) {
        self.heard(Direction::There, &message);
        self.conversation.0.borrow_mut().last_sent = Some(message);
    }

    pub(crate) fn heard(&self, direction: Direction, message: &Outline) {
        self.say(direction, &message.line());
    }

    /// What happened to the stream itself.
    pub(crate) fn event(&self, direction: Direction, event: &str) {
        self.say(direction, &format!("({event})"));
    }

    /// Both sides have completed the stream.
    pub(crate) fn completed(&self) {
        self.conversation.0.borrow_mut().open -= 1;
    }

    /// A failure that shows what was sent last.
    pub(crate) fn failure(&self, summary: impl Into<String>) -> Failure {
        let failure = Failure::new(summary);
        match &self.conversation.0.borrow().last_sent {
            Some(sent) => failure.detail("sent last", sent.lines()),
            None => failure,
        }
    }

    fn say(&self, direction: Direction, text: &str) {
        let arrow = match direction {
            Direction::There => "->",
            Direction::Back => "<-",
        };
        let shortened = match text.char_indices().nth(LINE) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text.to_owned(),
        };
        let line = format!("#{} {arrow} {shortened}", self.number);
        self.conversation.0.borrow_mut().lines.push(line);
    }
}
