//! WebSocket frames, as little of them as a load needs.

/// What a frame carries.
pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Lengths of more than a byte, and of more than two, are told behind one of these.
const MEDIUM: u8 = 126;
const LONG: u8 = 127;

/// The bit of a last fragment, and that of a masked payload.
const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A whole frame at the beginning of some bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// What it carries.
    pub(crate) opcode: u8,
    /// Its payload, still masked.
    pub(crate) payload: &'a [u8],
    /// Where the next one begins.
    pub(crate) end: usize,
}

/// The first frame, or `None` where it is not whole yet.
pub(crate) fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&opcode, &length) = (bytes.first()?, bytes.get(1)?);
    let (mut start, size): (usize, usize) = match length & !MASKED {
        MEDIUM => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        LONG => (
            10,
            usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?,
        ),
        short => (2, usize::from(short)),
    };
    if length & MASKED != 0 {
        start += 4;
    }
    let end = start.checked_add(size)?;
    let payload = bytes.get(start..end)?;
    Some(Frame {
        opcode: opcode & 15,
        payload,
        end,
    })
}

/// Writes a frame as a client does: masked, with a key of zeros, which changes nothing and costs nothing.
pub(crate) fn masked(opcode: u8, payload: &[u8], into: &mut Vec<u8>) {
    header(opcode, payload.len(), MASKED, into);
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(payload);
}

/// Writes a frame as a server does.
pub(crate) fn plain(opcode: u8, payload: &[u8], into: &mut Vec<u8>) {
    header(opcode, payload.len(), 0, into);
    into.extend_from_slice(payload);
}

fn header(opcode: u8, length: usize, mask: u8, into: &mut Vec<u8>) {
    into.push(LAST | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..MEDIUM), _) => into.push(mask | short),
        (_, Ok(medium)) => {
            into.push(mask | MEDIUM);
            into.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            into.push(mask | LONG);
            into.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_before_it_is_whole() {
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            for write in [masked, plain] {
                let (payload, mut bytes) = (vec![b'x'; size], Vec::new());
                write(TEXT, &payload, &mut bytes);
                let whole = bytes.len();
                assert!(first(&bytes[..whole - 1]).is_none());
                bytes.push(0x81);
                let frame = first(&bytes).unwrap();
                assert_eq!((frame.opcode, frame.payload, frame.end), (TEXT, &*payload, whole));
            }
        }
    }
}
