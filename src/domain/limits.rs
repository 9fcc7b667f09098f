//! Every limit that more than one room has to know, with its unit. Limits of one room stand in that room.

use std::time::Duration;

/// Characters, least and most.
pub const USERNAME_CHARS: (usize, usize) = (3, 64);
/// Characters, least and most.
pub const PASSWORD_CHARS: (usize, usize) = (6, 1024);
/// RFC 5321 section 4.5.3.1.3 allows a path of 256 bytes with its brackets.
pub const EMAIL_BYTES: usize = 254;
pub const DISPLAY_NAME_CHARS: usize = 128;
pub const AVATAR_CHARS: usize = 1024;

/// How long a token is good for.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// A conversation's name and description, in characters; its system prompt, in bytes.
pub const CONVERSATION_NAME_CHARS: usize = 200;
pub const DESCRIPTION_CHARS: usize = 2000;
pub const SYSTEM_PROMPT_BYTES: usize = 64 * 1024;
pub const MODEL_CHARS: usize = 128;
/// Conversations per person.
pub const CONVERSATIONS_PER_USER: i64 = 20_000;

/// New conversations of one person in an hour.
pub const CONVERSATIONS_PER_HOUR: u32 = 300;

/// One message of a person, in bytes of text.
pub const MESSAGE_BYTES: usize = 512 * 1024;
/// A file that a person gives to a message, in bytes.
pub const FILE_BYTES: u64 = 20 * 1024 * 1024;
/// `clientMessageId`, in bytes.
pub const CLIENT_MESSAGE_ID_BYTES: usize = 128;

/// A list or page ends early where it would be larger as it is sent, in bytes; one entry goes in any case.
pub const REPLY_BYTES: usize = 1024 * 1024;

/// Page sizes of lists, in entries: what is given when nothing is asked, and the most.
pub const CONVERSATIONS_PER_PAGE: (usize, usize) = (50, 200);
pub const MESSAGES_PER_PAGE: (usize, usize) = (50, 200);

/// One WebSocket frame or message that comes in, in bytes.
pub const WS_MESSAGE_BYTES: usize = 1024 * 1024;
/// What may wait for one WebSocket that does not read, in bytes of frames.
pub const OUTBOX_BYTES: usize = 256 * 1024;
/// The same over all sockets of a person, and of the server, in bytes.
pub const UNSENT_BYTES_PER_USER: usize = 4 * 1024 * 1024;
pub const UNSENT_BYTES: usize = 64 * 1024 * 1024;
/// How long a producer waits for room in an outbox before the socket is given up.
/// A socket is silent for no longer: then a ping goes out. Proxies in between must wait longer than that.
pub const PING_EVERY: Duration = Duration::from_secs(30);
pub const OUTBOX_PATIENCE: Duration = Duration::from_secs(5);

/// What a session keeps of its newest events for those who come back: events, and bytes.
pub const REPLAY_EVENTS: usize = 4096;
pub const REPLAY_BYTES: usize = 128 * 1024;

/// Turns that run at once: in all and per person. The others wait in a queue that takes turns by person.
pub const RUNNING_TURNS: usize = 128;
pub const RUNNING_TURNS_PER_USER: usize = 8;
/// Turns that may wait, in all, per person and per conversation.
pub const WAITING_TURNS: usize = 1024;
pub const WAITING_TURNS_PER_USER: usize = 32;
/// Turns that stand beside each other: a question, in other words or answered again.
pub const VERSIONS_PER_QUESTION: usize = 50;
/// Rounds of tool calls in one turn.
pub const TOOL_ROUNDS: usize = 25;
/// One answer of a model, in bytes: text, thinking, and calls of tools with their ids, names and inputs.
pub const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// How often a partial answer is made safe while it streams.
pub const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// What running turns get to be stored at a stop.
pub const STOP_GRACE: Duration = Duration::from_secs(10);
