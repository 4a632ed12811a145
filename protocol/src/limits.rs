//! Every bound of protocol version 1. Over one of them a request is answered with `error` and the connection lives;
//! only [`FRAME_BYTES`] and [`MALFORMED_FRAMES`] close it.

/// Largest integer JavaScript's `number` holds exactly, 2^53 - 1: the bound of book ids, positions and request ids.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Characters (Unicode scalar values) of a message, after trimming white space at both ends. At least 1.
pub const CONTENT_CHARS: usize = 4_000;

/// Characters of a display name, after trimming. At least 1, no control characters.
pub const USERNAME_CHARS: usize = 64;

/// Characters of a user id. At least 1, no control characters.
pub const USER_ID_CHARS: usize = 128;

/// Characters of a client message id, each of `A-Z a-z 0-9 _ -`. At least 1.
pub const CLIENT_MESSAGE_ID_CHARS: usize = 64;

/// Rooms one connection may be in at a time.
pub const ROOMS_PER_CONNECTION: usize = 64;

/// Levels of objects and arrays in a frame, the frame itself being the first.
pub const NESTING: usize = 16;

/// Bytes of a client's frame. A larger one closes the connection with 1009.
pub const FRAME_BYTES: usize = 64 * 1024;

/// Malformed frames within [`MALFORMED_WINDOW_SECS`] that are answered; one more closes the connection with 4100.
pub const MALFORMED_FRAMES: usize = 100;

/// The window of [`MALFORMED_FRAMES`], in seconds.
pub const MALFORMED_WINDOW_SECS: u64 = 10;

/// Messages in `previousMessages`, and in a `messagesPage` whose request names no limit.
pub const PAGE_DEFAULT: usize = 50;

/// Most messages of one `messagesPage`.
pub const PAGE_MAX: usize = 100;

/// Users named in `members`; `count` is always that of all of them.
pub const MEMBERS_LISTED: usize = 50;

/// Users of a room from which on joins and leaves are told as `occupancy` alone.
pub const OCCUPANCY_USERS: usize = 100;

/// Events in one page of `resumed`.
pub const RESUME_EVENTS: usize = 500;

/// Bytes of events in one page of `resumed`; a single larger event still travels.
pub const RESUME_BYTES: usize = 256 * 1024;

/// Edits of one message.
pub const EDITS_PER_MESSAGE: usize = 100;

/// Seconds after which a `typing` that was not repeated ends.
pub const TYPING_SECS: u64 = 6;

/// `typing` events of one connection that are passed on within a second; more are dropped.
pub const TYPING_PER_SECOND: u32 = 2;

/// Seconds a user whose connection dropped is still counted in the room.
pub const LEAVE_GRACE_SECS: u64 = 10;
