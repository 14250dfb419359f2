//! What takes the place of TLS in a program that was built without it: nothing, and a refusal.
#![expect(
    clippy::needless_pass_by_value,
    reason = "its functions take what those of TLS take"
)]

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use cloudstate_process::BadSetting;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::files::{ClientSet, ServerSet};

#[derive(Clone, Debug)]
pub(crate) struct Server(Infallible);

#[derive(Clone, Debug)]
pub(crate) struct Client(Infallible);

#[derive(Debug)]
pub(crate) struct Stream(Infallible);

pub(crate) enum OpenError {
    Setting(BadSetting),
    #[allow(dead_code, reason = "only TLS has names")]
    Name,
}

impl Server {
    pub(crate) fn open(files: ServerSet) -> Result<Self, BadSetting> {
        Err(refusal(files.certificate.setting))
    }

    pub(crate) async fn accept(&self, _stream: TcpStream) -> io::Result<Stream> {
        match self.0 {}
    }
}

impl Client {
    pub(crate) fn open(files: ClientSet, _name: &str) -> Result<Self, OpenError> {
        Err(OpenError::Setting(refusal(files.ca.setting)))
    }

    pub(crate) async fn connect(&self, _stream: TcpStream) -> io::Result<Stream> {
        match self.0 {}
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

fn refusal(setting: &str) -> BadSetting {
    BadSetting::new(format!(
        "{setting} is set, and this program was built without TLS: build it with the feature `tls`"
    ))
}
