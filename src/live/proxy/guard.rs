//! A client's connection while it sends the head of a request: it has so long, and may send so much.
//!
//! Pingora gives every single read its time, so that a client who sends a byte now and then could keep a connection for
//! ever; and it takes heads of up to a megabyte. This looks at the bytes before it does.

use async_trait::async_trait;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

tokio::task_local! {
    /// Of the connection that a task serves.
    pub(super) static HEAD: Arc<Head>;
}

/// How far the head of the present request is.
#[derive(Debug)]
pub(super) struct Head {
    /// It has not been read yet.
    coming: AtomicBool,
    /// Bytes since it began.
    seen: AtomicU64,
}

impl Head {
    pub fn awaited() -> Arc<Head> {
        Arc::new(Head { coming: AtomicBool::new(true), seen: AtomicU64::new(0) })
    }

    /// The head is complete: what follows is a body.
    pub fn complete(&self) {
        self.coming.store(false, Ordering::Relaxed);
    }

    /// The next request on the connection may come.
    pub fn next(&self) {
        self.seen.store(0, Ordering::Relaxed);
        self.coming.store(true, Ordering::Relaxed);
    }
}

/// What a head may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    pub bytes: u64,
    pub time: Duration,
}

/// Who is told of a refusal, by its reason.
pub(super) type Tattle = Arc<dyn Fn(&'static str) + Send + Sync>;

pub(super) struct Guarded {
    inner: Stream,
    head: Arc<Head>,
    measure: Measure,
    /// Runs while a head is coming.
    timer: Option<Pin<Box<Sleep>>>,
    tattle: Tattle,
}

impl Guarded {
    pub fn new(inner: Stream, head: Arc<Head>, measure: Measure, tattle: Tattle) -> Guarded {
        Guarded { inner, head, measure, timer: None, tattle }
    }

    /// Says why, as far as the connection takes it at once, and fails.
    fn refuse(&mut self, context: &mut Context<'_>, status: &str, reason: &'static str) -> io::Error {
        (self.tattle)(reason);
        let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        // The client gets no answer if it takes none.
        let _ = Pin::new(&mut self.inner).poll_write(context, answer.as_bytes());
        let _ = Pin::new(&mut self.inner).poll_flush(context);
        io::Error::new(io::ErrorKind::TimedOut, reason)
    }

    /// Whether the time for the head is over.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let time = self.measure.time;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        timer.as_mut().poll(context).is_ready()
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.head.coming.load(Ordering::Relaxed) {
            this.timer = None;
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        let seen = this.head.seen.load(Ordering::Relaxed);
        // A head that is complete would not be read on.
        if seen > this.measure.bytes {
            return Poll::Ready(Err(this.refuse(context, "431 Request Header Fields Too Large", "header-size")));
        }
        if seen > 0 && this.is_late(context) {
            return Poll::Ready(Err(this.refuse(context, "408 Request Timeout", "header-timeout")));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
        let read = (buffer.filled().len() - before) as u64;
        if seen == 0 && read > 0 {
            this.timer = None;
        }
        this.head.seen.fetch_add(read, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl std::fmt::Debug for Guarded {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(out)
    }
}

#[async_trait]
impl Shutdown for Guarded {
    async fn shutdown(&mut self) {
        Shutdown::shutdown(self.inner.as_mut()).await;
    }
}

impl UniqueID for Guarded {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Guarded {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl Peek for Guarded {}

impl GetTimingDigest for Guarded {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }
}

impl GetProxyDigest for Guarded {
    fn get_proxy_digest(&self) -> Option<Arc<pingora_core::protocols::raw_connect::ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for Guarded {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}
