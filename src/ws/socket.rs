//! The reader's thread of one connection: what comes in, one after the other, until it ends.
//!
//! tungstenite reads the frames; what it wants to write itself (pongs) goes through the outbox like everything else,
//! because only the writer's thread writes the socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error as WsError, Message, WebSocket};

use super::WsOptions;
use super::closing::{ClosingHandshake, LINGER};
use super::token_bucket::TokenBucket;
use super::writer::{WRITE_TIMEOUT, Writer};
use crate::domain::limits::WS_MESSAGE_BYTES;
use crate::hub::{CloseReason, Outbox};

/// tungstenite's own 128 KiB would be touched for every connection.
const READ_BYTES: usize = 4 * 1024;
/// A message that is not whole yet counts towards its person's budget from this many bytes on.
const FREE_BYTES: usize = 16 * 1024;
/// How often a reader without room looks again.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What a client's control frame has besides its payload, in bytes (RFC 6455 section 5.2).
const CONTROL_HEAD_BYTES: usize = 6;
/// Control frames only.
const WRITE_BUFFER_BYTES: usize = 1024;
/// What the kernel may hold for a peer that does not read, in bytes. Left alone it grows to several MiB.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Pings and the like: past these a connection is read more slowly.
const CONTROL_PER_SECOND: u32 = 50;
const CONTROL_BURST: u32 = 200;
/// The pause after each frame past a limit.
pub(super) const PAUSE: Duration = Duration::from_millis(2);

/// A message that came in.
pub(super) enum Incoming<'a> {
    Text(&'a str),
    Binary,
}

/// Serves a connection until it ends, and says why it did. `head` is the handshake's answer.
pub(super) fn run(
    stream: TcpStream,
    leftover: Vec<u8>,
    head: Vec<u8>,
    outbox: &Arc<Outbox>,
    options: &WsOptions,
    take: &mut dyn FnMut(Incoming<'_>),
) -> CloseReason {
    let stream = Arc::new(stream);
    if let Err(error) = prepare(&stream, options) {
        log::debug!(target: "ws", "the socket is already gone: {error}");
        return CloseReason::Protocol;
    }
    let closing = Arc::new(ClosingHandshake::default());
    let writer = Writer::new(Arc::clone(&stream), Arc::clone(outbox), options.clone());
    let writer = match writer.spawn(head, Arc::clone(&closing)) {
        Ok(writer) => writer,
        Err(error) => {
            log::error!(target: "ws", "cannot start a writer's thread: {error}");
            refuse(&stream);
            return CloseReason::Internal;
        }
    };
    let mut connection =
        Connection { stream, outbox: Arc::clone(outbox), closing, writer: Some(writer), has_goodbye: false };
    let (reason, has_goodbye) = read_all(&connection, leftover, options, take);
    connection.has_goodbye = has_goodbye;
    connection.outbox.close(reason);
    outbox.closing().unwrap_or(reason)
}

fn prepare(stream: &TcpStream, options: &WsOptions) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(options.silence))?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    rustix::net::sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER_BYTES)?;
    Ok(())
}

/// No thread, no connection; nothing was sent yet, so this can still be an answer to the handshake.
fn refuse(mut stream: &TcpStream) {
    let _ = stream.write_all(
        b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n",
    );
    let _ = stream.shutdown(Shutdown::Both);
}

/// Why it ended, and whether the peer sent its close frame.
fn read_all(
    connection: &Connection,
    leftover: Vec<u8>,
    options: &WsOptions,
    take: &mut dyn FnMut(Incoming<'_>),
) -> (CloseReason, bool) {
    let half = ReadHalf { connection, heard: Instant::now(), patience: 2 * options.silence, unfinished: 0, held: 0 };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(WS_MESSAGE_BYTES))
        .max_frame_size(Some(WS_MESSAGE_BYTES));
    let mut socket = WebSocket::from_partially_read(half, leftover, Role::Server, Some(config));
    let mut controls = TokenBucket::new(CONTROL_PER_SECOND, CONTROL_BURST);
    loop {
        let message = match socket.read() {
            Ok(message) => message,
            Err(error) => return (reason_of(&error), false),
        };
        if let Some(reason) = connection.outbox.closing() {
            return (reason, matches!(message, Message::Close(_)));
        }
        socket.get_mut().heard(&message);
        match &message {
            Message::Text(text) => take(Incoming::Text(text)),
            Message::Binary(_) => take(Incoming::Binary),
            Message::Close(frame) => {
                return (CloseReason::Goodbye(frame.as_ref().map(|frame| frame.code.into())), true);
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                if controls.take(Instant::now()).is_err() {
                    thread::sleep(PAUSE);
                }
            }
        }
    }
}

fn reason_of(error: &WsError) -> CloseReason {
    match error {
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TooBig,
        WsError::Utf8(_) => CloseReason::NotUtf8,
        WsError::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            CloseReason::Silent
        }
        // Gone without a close frame: there is no one to answer.
        WsError::Io(_)
        | WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Goodbye(None),
        WsError::Protocol(_) => CloseReason::Protocol,
        _ => CloseReason::Internal,
    }
}

/// The reader's side of the socket for tungstenite.
struct ReadHalf<'a> {
    connection: &'a Connection,
    /// When the last whole message came.
    heard: Instant,
    /// How long one message may take to come in.
    patience: Duration,
    /// Bytes that came since then, and how many of them are counted.
    unfinished: usize,
    held: usize,
}

impl ReadHalf<'_> {
    /// A message is whole: what comes now belongs to the next one. A ping may come between the parts of one.
    fn heard(&mut self, message: &Message) {
        self.heard = Instant::now();
        match message {
            Message::Ping(payload) | Message::Pong(payload) => {
                self.unfinished = self.unfinished.saturating_sub(payload.len() + CONTROL_HEAD_BYTES);
            }
            _ => {
                self.unfinished = 0;
                self.connection.outbox.let_go(std::mem::take(&mut self.held));
            }
        }
    }

    /// Whether the budget has room for what has come. Where not, nothing more is read until it has.
    fn has_room(&mut self) -> bool {
        let due = self.unfinished.saturating_sub(FREE_BYTES).saturating_sub(self.held);
        let has_room = due == 0 || self.connection.outbox.hold(due);
        if has_room {
            self.held += due;
        }
        has_room
    }
}

impl Drop for ReadHalf<'_> {
    fn drop(&mut self) {
        self.connection.outbox.let_go(self.held);
    }
}

impl Read for ReadHalf<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.heard.elapsed() > self.patience {
                return Err(ErrorKind::TimedOut.into());
            }
            if !self.has_room() && self.connection.outbox.closing().is_none() {
                thread::sleep(LOOK_EVERY);
                continue;
            }
            match (&*self.connection.stream).read(buffer) {
                // A signal for the process ends a read that has a timeout.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(bytes) => {
                    self.unfinished += bytes;
                    return Ok(bytes);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Write for ReadHalf<'_> {
    /// Called with one whole frame each time, as nothing is buffered. Its answer to a close is ours to give.
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        const OPCODE: u8 = 0x0f;
        const PONG: u8 = 0x0a;
        if frame.first().is_some_and(|first| first & OPCODE == PONG) {
            self.connection.outbox.push_control(frame.to_vec());
        }
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What belongs to a connection while it is open. Dropping it, also in a panic, ends the writer and shuts the socket.
struct Connection {
    stream: Arc<TcpStream>,
    outbox: Arc<Outbox>,
    closing: Arc<ClosingHandshake>,
    writer: Option<JoinHandle<()>>,
    /// The peer's close frame came: it sends nothing more.
    has_goodbye: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.outbox.close(CloseReason::Internal);
        let deadline = Instant::now() + LINGER;
        if !self.has_goodbye {
            self.drain(deadline);
        }
        self.closing.wait_for_writer(deadline);
        self.closing.read_all();
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Connection {
    /// Reads on until the peer has hung up: a socket shut with unread input is reset, and a reset can overtake our
    /// last words.
    fn drain(&self, deadline: Instant) {
        let mut waste = [0; 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match (&*self.stream).read(&mut waste) {
                Ok(0) => return,
                Err(error) if error.kind() != ErrorKind::Interrupted => return,
                _ => {}
            }
        }
    }
}
