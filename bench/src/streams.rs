//! Calls that stream, to an action.

use std::{collections::VecDeque, fmt, time::Instant};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::Channel};

use crate::{
    Error,
    closed_loop::{Callers, ClosedLoop, Measurement, Tally},
    load,
    server::Server,
    texts::{Text, Word, texts_client::TextsClient},
};

/// Messages of a call that streams one way.
const MESSAGES: usize = 1000;
/// Every message's contents.
const WORD: &str = "benchmark";

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// One request, many responses.
    Out,
    /// Many requests, one response.
    In,
    /// A response for each request; so many requests wait for theirs at any time.
    Both {
        /// Requests without a response yet.
        in_flight: usize,
    },
}

/// Calls that stream, one after the other in each of several callers on one connection.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    /// Which way.
    pub direction: Direction,
    /// Calls at one time.
    pub calls: u32,
    /// How long, and on how many threads.
    pub pace: ClosedLoop,
}

/// `Action, both ways, 64 calls, 1 message in flight on each`.
impl fmt::Display for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = match self.calls {
            1 => "1 call".to_owned(),
            calls => format!("{calls} calls"),
        };
        match self.direction {
            Direction::Out => write!(f, "Action, stream out, {calls}"),
            Direction::In => write!(f, "Action, stream in, {calls}"),
            Direction::Both { in_flight } => {
                write!(f, "Action, both ways, {calls}, {in_flight} in flight")
            }
        }
    }
}

impl Streams {
    /// Puts this load on `server` until the measurement is over. What is counted are messages. The latency of a message
    /// is counted from its call or the message before it (out), from its call (in), from its request (both ways).
    ///
    /// # Errors
    /// The server cannot be connected to, or a call fails or ends too early.
    pub fn run(&self, server: &Server) -> Result<Measurement, Error> {
        self.pace.run(server, async |tally| {
            let client = TextsClient::new(load::channel(server).await?);
            let mut callers = Callers::new();
            for _ in 0..self.calls {
                let (client, tally) = (client.clone(), tally.clone());
                match self.direction {
                    Direction::Out => callers.spawn(out(client, tally)),
                    Direction::In => callers.spawn(into(client, tally)),
                    Direction::Both { in_flight } => callers.spawn(both(client, tally, in_flight)),
                };
            }
            Ok(callers)
        })
    }
}

async fn out(mut client: TextsClient<Channel>, mut tally: Tally) -> Result<Tally, Status> {
    let text = vec![WORD; MESSAGES].join(" ");
    loop {
        let mut last = Instant::now();
        let request = Text { text: text.clone() };
        let mut words = client.split(request).await?.into_inner();
        for _ in 0..MESSAGES {
            answer(words.message().await?)?;
            if tally.answered(last).is_break() {
                return Ok(tally);
            }
            last = Instant::now();
        }
    }
}

async fn into(mut client: TextsClient<Channel>, mut tally: Tally) -> Result<Tally, Status> {
    loop {
        let called = Instant::now();
        let words = tokio_stream::iter((0..MESSAGES).map(|_| word()));
        let text = client.join(words).await?.into_inner().text;
        if text.len() != MESSAGES * (WORD.len() + 1) - 1 {
            return Err(Status::data_loss("not every word has arrived"));
        }
        for _ in 0..MESSAGES {
            if tally.answered(called).is_break() {
                return Ok(tally);
            }
        }
    }
}

async fn both(
    mut client: TextsClient<Channel>,
    mut tally: Tally,
    in_flight: usize,
) -> Result<Tally, Status> {
    // There is room for every message in flight, so sending never waits.
    let (words, outgoing) = mpsc::channel(in_flight);
    let mut waiting = VecDeque::new();
    let ask = async || {
        words
            .send(word())
            .await
            .map_err(|_| Status::aborted("the stream takes no more messages"))
    };
    // A server may answer with headers only when there is something to answer.
    for _ in 0..in_flight {
        ask().await?;
        waiting.push_back(Instant::now());
    }
    let mut answers = client
        .proofread(ReceiverStream::new(outgoing))
        .await?
        .into_inner();
    loop {
        answer(answers.message().await?)?;
        if let Some(called) = waiting.pop_front()
            && tally.answered(called).is_break()
        {
            return Ok(tally);
        }
        waiting.push_back(Instant::now());
        ask().await?;
    }
}

fn word() -> Word {
    Word {
        word: WORD.to_owned(),
    }
}

fn answer(word: Option<Word>) -> Result<(), Status> {
    match word {
        Some(Word { word }) if word == WORD => Ok(()),
        Some(Word { word }) => Err(Status::data_loss(format!("{word} came back"))),
        None => Err(Status::aborted("the stream ended")),
    }
}
