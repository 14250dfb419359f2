//! The contracts of the CRDT entities: one number that everybody counts and follows, and sets that hold nothing.

use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt, wrappers::WatchStream};
use tonic::{Request, Response, Status};

use crate::{
    tags::{Size, Tag, TagSet, tags_server::Tags},
    votes::{Ballot, Poll, Standing, Standings, votes_server::Votes},
};

#[derive(Debug, Default)]
pub(super) struct EchoedVotes {
    votes: watch::Sender<i64>,
}

fn standings(votes: i64) -> Standings {
    let option = "yes".to_owned();
    Standings {
        standings: vec![Standing { option, votes }],
    }
}

#[tonic::async_trait]
impl Votes for EchoedVotes {
    type FollowStream = std::pin::Pin<Box<dyn Stream<Item = Result<Standings, Status>> + Send>>;

    async fn cast(&self, _: Request<Ballot>) -> Result<Response<Standings>, Status> {
        let mut count = 0;
        self.votes.send_modify(|votes| {
            *votes += 1;
            count = *votes;
        });
        Ok(Response::new(standings(count)))
    }

    async fn withdraw(&self, _: Request<Ballot>) -> Result<Response<Standings>, Status> {
        self.votes.send_modify(|votes| *votes -= 1);
        Ok(Response::new(standings(*self.votes.borrow())))
    }

    async fn count(&self, _: Request<Poll>) -> Result<Response<Standings>, Status> {
        Ok(Response::new(standings(*self.votes.borrow())))
    }

    async fn follow(&self, _: Request<Poll>) -> Result<Response<Self::FollowStream>, Status> {
        let counts = WatchStream::new(self.votes.subscribe());
        Ok(Response::new(Box::pin(
            counts.map(|votes| Ok(standings(votes))),
        )))
    }
}

#[derive(Debug, Default)]
pub(super) struct EchoedTags;

#[tonic::async_trait]
impl Tags for EchoedTags {
    async fn put(&self, _: Request<Tag>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn remove(&self, _: Request<Tag>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn count(&self, _: Request<TagSet>) -> Result<Response<Size>, Status> {
        Ok(Response::new(Size { tags: 0 }))
    }
}
