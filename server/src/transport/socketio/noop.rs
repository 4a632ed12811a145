//! The packet that says nothing, on its way from a client.
//!
//! Socket.IO for Swift sends one over the WebSocket it has just moved to, where a request of its long-polling was still under
//! way. The engine of Node.js overlooks it, and this one would end the session. It is made a sign of life, in its place.

/// `6`, as a WebSocket frame of one byte.
const NOOP: u8 = b'6';

/// What it becomes.
const PONG: u8 = b'3';

/// A whole text frame.
const TEXT: u8 = 0x81;

/// A masked payload of one byte.
const ONE_MASKED: u8 = 0x81;

/// Follows the frames of a client.
#[derive(Debug, Default)]
pub(super) struct Noops {
    /// Bytes of the head that were read, of `needed`; what is to be known of them.
    read: u8,
    needed: u8,
    first: u8,
    length: u64,
    mask: u8,
    /// Bytes of the payload that are to come.
    payload: u64,
    is_one: bool,
}

impl Noops {
    /// Looks at bytes as they come, in pieces of any size.
    pub(super) fn pass(&mut self, mut bytes: &mut [u8]) {
        while let Some(byte) = bytes.first_mut() {
            if self.payload > 0 {
                if self.is_one && *byte ^ self.mask == NOOP {
                    *byte ^= NOOP ^ PONG;
                }
                let passed = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= passed as u64;
                bytes = &mut bytes[passed..];
            } else {
                let byte = *byte;
                bytes = &mut bytes[1..];
                self.head(byte);
            }
        }
    }

    fn head(&mut self, byte: u8) {
        match self.read {
            0 => (self.first, self.length, self.needed) = (byte, 0, 2),
            1 => {
                let (extended, length) = match byte & 0x7f {
                    126 => (2, 0),
                    127 => (8, 0),
                    length => (0, length),
                };
                self.length = length.into();
                self.needed = 2 + extended + if byte & 0x80 == 0 { 0 } else { 4 };
                self.is_one = self.first == TEXT && byte == ONE_MASKED;
            }
            2 if self.is_one => self.mask = byte,
            at if at < self.needed.saturating_sub(4) => self.length = self.length << 8 | u64::from(byte),
            _ => {}
        }
        self.read += 1;
        if self.read == self.needed {
            self.payload = self.length;
            self.read = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = vec![first];
        match payload.len() {
            short @ ..=125 => frame.push(0x80 | u8::try_from(short).unwrap()),
            medium @ ..=0xffff => {
                frame.push(0x80 + 126);
                frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                frame.push(0x80 + 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    #[test]
    fn a_noop_becomes_a_pong_and_nothing_else_changes_however_it_comes() {
        let long = vec![b'6'; 70_000];
        let sent = [
            (TEXT, &b"2probe"[..]),
            (TEXT, b"5"),
            (TEXT, b"6"),
            (TEXT, b""),
            (0x89, b"6"),
            (0x82, b"6"),
            (TEXT, &long[..125]),
            (TEXT, &long[..126]),
            (TEXT, &long),
            (TEXT, b"66"),
            (TEXT, b"6"),
            (TEXT, b"3"),
        ];
        let bytes: Vec<u8> = sent
            .iter()
            .flat_map(|&(first, payload)| frame(first, payload))
            .collect();
        let expected: Vec<u8> = sent
            .iter()
            .flat_map(|&(first, payload)| match payload {
                b"6" if first == TEXT => frame(first, b"3"),
                _ => frame(first, payload),
            })
            .collect();
        for piece in [1, 2, 3, 7, 100, 65_536, bytes.len()] {
            let (mut noops, mut passed) = (Noops::default(), bytes.clone());
            passed.chunks_mut(piece).for_each(|piece| noops.pass(piece));
            assert!(passed == expected, "in pieces of {piece}");
        }
    }
}
