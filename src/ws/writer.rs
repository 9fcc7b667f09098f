//! The only thread that writes to a connection's socket: it takes what is in the outbox, frames it, and sends it.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use super::WsOptions;
use super::closing::ClosingHandshake;
use super::{events, protocol};
use crate::hub::{CloseReason, Next, Outbox, Outgoing};

/// It only frames and writes. An address range, not memory: what is never touched is never there.
const STACK_BYTES: usize = 128 * 1024;
/// Frames are put together up to this many bytes before they are written.
const WRITE_BYTES: usize = 16 * 1024;
/// How long one write may block before we look whether to go on.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// A peer that takes nothing for so long is given up once the connection is to end anyway.
const STALL_WHEN_CLOSING: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Nothing {}

pub(super) struct Writer {
    stream: Arc<TcpStream>,
    outbox: Arc<Outbox>,
    options: WsOptions,
    buffer: Vec<u8>,
    /// An event's JSON, before its length is known.
    scratch: Vec<u8>,
}

impl Writer {
    pub(super) fn new(stream: Arc<TcpStream>, outbox: Arc<Outbox>, options: WsOptions) -> Self {
        Self { stream, outbox, options, buffer: Vec::new(), scratch: Vec::new() }
    }

    /// Starts the thread. It sends `head` first and a ping now and then, and ends when the outbox is closed or the
    /// peer takes nothing more; then the socket is shut.
    pub(super) fn spawn(mut self, head: Vec<u8>, closing: Arc<ClosingHandshake>) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("ws-writer".to_owned()).stack_size(STACK_BYTES).spawn(move || {
            self.buffer = head;
            if let Err(error) = self.run() {
                log::debug!(target: "ws", "gave up writing: {error}");
                let stalled = error.kind() == ErrorKind::TimedOut;
                self.outbox.close(if stalled { CloseReason::TooSlow } else { CloseReason::Goodbye(None) });
            } else {
                // The close frame is written. Shutting the socket before the peer has read it could lose it.
                let _ = self.stream.shutdown(Shutdown::Write);
                closing.wrote_all();
                closing.wait_for_reader(self.outbox.closing());
            }
            closing.wrote_all();
            let _ = self.stream.shutdown(Shutdown::Both);
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let ping_every = self.options.ping_every;
        let mut ping_due = Instant::now() + ping_every;
        self.flush()?;
        loop {
            match self.outbox.next(ping_due.saturating_duration_since(Instant::now())) {
                Next::Frames(frames) => {
                    for frame in frames {
                        self.add(frame)?;
                    }
                }
                Next::Idle => {
                    self.buffer = Vec::new(); // who is silent keeps no memory
                    self.scratch = Vec::new();
                }
                Next::Closed(reason) => {
                    self.add_frame(Frame::close(close_frame(reason)))?;
                    return self.flush();
                }
            }
            if Instant::now() >= ping_due {
                ping_due = Instant::now() + ping_every;
                self.add_frame(Frame::ping(Vec::new()))?;
            }
            self.flush()?;
        }
    }

    fn add(&mut self, frame: Outgoing) -> io::Result<()> {
        match frame {
            Outgoing::Text(text) => self.add_frame(Frame::message(text, OpCode::Data(Data::Text), true))?,
            Outgoing::ListChanged => {
                let text = protocol::notice("images_changed", &Nothing {});
                self.add_frame(Frame::message(text, OpCode::Data(Data::Text), true))?;
            }
            Outgoing::Control(bytes) => self.buffer.extend_from_slice(&bytes),
            Outgoing::Event(event) => {
                self.scratch.clear();
                events::write_event(&event, &mut self.scratch);
                let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
                header.format(self.scratch.len() as u64, &mut self.buffer).map_err(io::Error::other)?;
                self.buffer.extend_from_slice(&self.scratch);
            }
        }
        if self.buffer.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn add_frame(&mut self, frame: Frame) -> io::Result<()> {
        frame.format(&mut self.buffer).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut from = 0;
        let mut progress = Instant::now();
        let WsOptions { stall, least_rate, .. } = self.options;
        let deadline = progress + stall + Duration::from_secs((self.buffer.len() / least_rate) as u64);
        while from < self.buffer.len() {
            match (&*self.stream).write(&self.buffer[from..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    from += written;
                    progress = Instant::now();
                    if progress > deadline && from < self.buffer.len() {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    let patience = if self.outbox.closing().is_some() { STALL_WHEN_CLOSING } else { stall };
                    if progress.elapsed() >= patience {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.buffer.clear();
        self.buffer.shrink_to(2 * WRITE_BYTES); // one large answer does not stay for good
        Ok(())
    }
}

fn close_frame(reason: CloseReason) -> Option<CloseFrame> {
    // A code that may not be sent (RFC 6455 section 7.4) is not echoed either.
    let code = CloseCode::from(reason.code()?);
    code.is_allowed().then(|| CloseFrame { code, reason: reason.text().into() })
}
