//! A socket as others than its own task see it.

use crate::room::Frame;

/// A way to the peer that can be tried from any task.
pub trait Line: std::fmt::Debug + Send + Sync {
    /// Writes these frames as far as the socket takes them at once. What it leaves of a frame it has begun is written by the
    /// connection's task, before anything else. Whose turn it is may call it, and nobody else.
    fn try_send(&self, frames: &[Frame]) -> Sent;
}

/// What a [`Line`] took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Frames, one that was begun among them.
    pub frames: usize,
    /// Whether the last of them is written to its end.
    pub is_whole: bool,
}
