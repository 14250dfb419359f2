//! A link that splits and delays whatever goes through it.
//!
//! Between programs on one machine messages arrive whole and at once, which hides mistakes that a network brings out.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet, yield_now},
    time::sleep,
};

/// Longest piece of a split message, in bytes; the header of a message in HTTP/2 and gRPC has 14.
const PIECE: u64 = 24;

/// Longest delay of a piece, in milliseconds.
const DELAY: u64 = 3;

/// Listens on a port of its own, and passes every byte on to another, in small pieces and with pauses.
///
/// The order of the bytes, and the end of either direction, are kept. Dropped, it closes its connections.
#[derive(Debug)]
pub struct RoughLink {
    address: SocketAddr,
    acceptor: AbortHandle,
}

impl RoughLink {
    /// A link to this address, such as `HOST:PORT`. Pieces and pauses follow from the seed.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn to(target: impl ToString, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = accept(listener, target.to_string(), Random(seed));
        let acceptor = tokio::spawn(accepting).abort_handle();
        Ok(Self { address, acceptor })
    }

    /// Where the link listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RoughLink {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept(listener: TcpListener, target: String, mut random: Random) {
    // Aborted with this task.
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let seeds = (random.fork(), random.fork());
        connections.spawn(connect(near, target.clone(), seeds));
    }
}

/// Passes on what comes either way until both sides have ended, or one of them is lost.
async fn connect(near: TcpStream, target: String, seeds: (Random, Random)) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    tokio::try_join!(
        pass_on(near_in, far_out, seeds.0),
        pass_on(far_in, near_out, seeds.1)
    )?;
    Ok(())
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut random: Random,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let length = usize::try_from(1 + random.below(PIECE)).unwrap_or(1);
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            to.write_all(piece).await?;
            rest = behind;
            match random.below(8) {
                0 => sleep(Duration::from_millis(random.below(DELAY + 1))).await,
                _ => yield_now().await,
            }
        }
    }
}

/// The generator SplitMix64: no more is needed than numbers that repeat.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::RoughLink;

    #[tokio::test]
    async fn bytes_and_ends_are_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let link = RoughLink::to(&target, 7).await.unwrap();
        let mut near = TcpStream::connect(link.address()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();

        let question: Vec<u8> = (0..2000_u32).map(|n| n.to_le_bytes()[0]).collect();
        near.write_all(&question).await.unwrap();
        near.shutdown().await.unwrap();
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, question);

        far.write_all(b"answer").await.unwrap();
        drop(far);
        let mut heard = Vec::new();
        near.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"answer");
    }

    #[tokio::test]
    async fn messages_are_split() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let link = RoughLink::to(&target, 7).await.unwrap();
        let mut near = TcpStream::connect(link.address()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        near.write_all(&[1; 1000]).await.unwrap();
        let mut first = [0; 1000];
        assert!(far.read(&mut first).await.unwrap() < 1000);
    }
}
