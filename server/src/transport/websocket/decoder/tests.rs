//! What RFC 6455 says of a client's bytes, case by case, and what becomes of any others.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MASK: [u8; 4] = [1, 2, 3, 4];

/// The first byte of a frame that is the last of its message.
const LAST: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const MORE: u8 = 0;
/// A whole text.
const WHOLE: u8 = LAST | TEXT;
/// The end of a message in pieces.
const END: u8 = LAST | MORE;
const CLOSE: u8 = LAST | 0x8;
const PING: u8 = LAST | 0x9;
const PONG: u8 = LAST | 0xa;

/// A client's frame.
fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ ..65_536 => {
            frame.push(0xfe);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The first byte and the payload of each.
type Frames<'a> = &'a [(u8, &'a [u8])];

fn frames(frames: Frames<'_>) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|(first, payload)| frame(*first, payload, MASK))
        .collect()
}

fn text(text: &str) -> Said<'static> {
    Said::Text(Cow::Owned(text.to_owned()))
}

fn ping(payload: &[u8]) -> Said<'static> {
    Said::Ping(Bytes::copy_from_slice(payload))
}

fn owned(said: Said<'_>) -> Said<'static> {
    match said {
        Said::Text(said) => text(&said),
        Said::Binary => Said::Binary,
        Said::Ping(bytes) => Said::Ping(bytes),
        Said::Pong => Said::Pong,
        Said::Close(code) => Said::Close(code),
    }
}

/// All that is said, the bytes coming in pieces of that many.
fn heard(bytes: &[u8], piece: usize) -> Result<Vec<Said<'static>>, Fault> {
    let (mut decoder, mut heard) = (Decoder::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        decoder.feed(piece);
        while let Some(said) = decoder.next()? {
            heard.push(owned(said));
        }
    }
    Ok(heard)
}

/// Sees to it that the bytes say this, or have this close code, in whatever pieces they come.
fn check(bytes: &[u8], expected: &Result<Vec<Said<'static>>, u16>) {
    for piece in [1, 2, 3, 4_096, bytes.len()] {
        let heard = heard(bytes, piece).map_err(|fault| fault.close().0);
        let start = &bytes[..bytes.len().min(20)];
        assert!(
            heard == *expected,
            "{start:x?}…, {piece} at once: {heard:?}, not {expected:?}"
        );
    }
}

#[test]
fn what_the_rfc_allows_is_heard() {
    let (mixed, long) = ("Grüße, 漢字, 🐈", "x".repeat(FRAME_BYTES));
    let bytes = long.as_bytes();
    let close = [b"\x03\xe8", &bytes[..123]].concat();
    let mut cut: Vec<(u8, &[u8])> = mixed.as_bytes().chunks(1).map(|byte| (MORE, byte)).collect();
    cut[0].0 = TEXT;
    cut.push((END, b""));
    let cases: [(Frames<'_>, Vec<Said<'_>>); 16] = [
        (&[(WHOLE, b"")], vec![text("")]),
        (&[(WHOLE, b"a"), (WHOLE, b"b")], vec![text("a"), text("b")]),
        (&[(LAST | BINARY, b"\xff")], vec![Said::Binary]),
        (&[(BINARY, b"\xff"), (END, b"\xff")], vec![Said::Binary]),
        // UTF-8 cut within every code point, and the last there is.
        (&cut, vec![text(mixed)]),
        (&[(WHOLE, b"\xf4\x8f\xbf\xbf")], vec![text("\u{10ffff}")]),
        // Controls between the pieces of a message, and the longest.
        (
            &[
                (TEXT, b"Gr\xc3"),
                (PING, b"?"),
                (MORE, b""),
                (PONG, b"!"),
                (END, b"\xbc"),
            ],
            vec![ping(b"?"), Said::Pong, text("Grü")],
        ),
        (&[(TEXT, b"a"), (CLOSE, b"\x03\xe8")], vec![Said::Close(Some(1000))]),
        (&[(CLOSE, b"")], vec![Said::Close(None)]),
        (&[(CLOSE, &close)], vec![Said::Close(Some(1000))]),
        (&[(PING, b""), (PING, &[0; 125])], vec![ping(b""), ping(&[0; 125])]),
        // A length in 7, 16 and 64 bits.
        (&[(WHOLE, &bytes[..125])], vec![text(&long[..125])]),
        (&[(WHOLE, &bytes[..126])], vec![text(&long[..126])]),
        (&[(WHOLE, &bytes[1..])], vec![text(&long[1..])]),
        (&[(WHOLE, bytes)], vec![text(&long)]),
        (&[(TEXT, &bytes[1..]), (END, b"x")], vec![text(&long)]),
    ];
    for (allowed, said) in cases {
        check(&frames(allowed), &Ok(said));
    }
}

#[test]
fn what_the_rfc_forbids_has_its_close_code() {
    let long = vec![b'x'; FRAME_BYTES];
    let close = [b"\x03\xe8", &long[..124]].concat();
    let forbidden: [(Frames<'_>, u16); 20] = [
        // What continues nothing, and what begins in another message.
        (&[(END, b"x")], 1002),
        (&[(WHOLE, b"x"), (MORE, b"x")], 1002),
        (&[(TEXT, b"x"), (WHOLE, b"x")], 1002),
        (&[(TEXT, b"x"), (BINARY, b"x")], 1002),
        (&[(BINARY, b"x"), (WHOLE, b"x")], 1002),
        (&[(PING, &[0; 126])], 1002),
        (&[(PONG, &long)], 1002),
        (&[(CLOSE, &close)], 1002),
        (&[(CLOSE, b"\x03")], 1002),
        (&[(CLOSE, b"\x03\xe8\xff")], 1007),
        (&[(CLOSE, b"\x03\xe8\xc3")], 1007),
        // Texts: none, cut off, a surrogate, too high, said too long; and over several frames.
        (&[(WHOLE, b"\xff")], 1007),
        (&[(WHOLE, b"\xc3")], 1007),
        (&[(WHOLE, b"\xed\xa0\x80")], 1007),
        (&[(WHOLE, b"\xf4\x90\x80\x80")], 1007),
        (&[(WHOLE, b"\xc0\xaf")], 1007),
        (&[(TEXT, b"\xc3"), (END, b"(")], 1007),
        (&[(TEXT, b"\xf0\x9f"), (MORE, b"\x90"), (END, b"")], 1007),
        (&[(TEXT, &long), (END, b"x")], 1009),
        (&[(BINARY, &long), (MORE, b"x")], 1009),
    ];
    for (forbidden, code) in forbidden {
        check(&frames(forbidden), &Err(code));
    }
    // Lengths, judged before anything of the payload has come.
    let lengths: [(&[u8], u16); 7] = [
        (b"\xfe\x00\x7d", 1002),
        (b"\xff\0\0\0\0\0\0\0\x7d", 1002),
        (b"\xff\0\0\0\0\0\0\xff\xff", 1002),
        (b"\xff\x80\0\0\0\0\0\0\0", 1002),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1002),
        (b"\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 1009),
        (b"\xff\0\0\0\0\0\x01\0\x01", 1009),
    ];
    for (length, code) in lengths {
        check(&[&[WHOLE], length, &MASK].concat(), &Err(code));
    }
    for first in 0..=255 {
        let (is_reserved, opcode) = (first & 0x70 != 0, first & 0x0f);
        let is_cut = opcode >= 8 && first & LAST == 0;
        if is_reserved || is_cut || matches!(opcode, 3..=7 | 11..) {
            check(&frames(&[(first, b"")]), &Err(1002));
        }
        let unmasked = [first, 0];
        check(&unmasked, &Err(1002));
    }
}

/// RFC 6455, 7.4, and what is registered since.
#[test]
fn a_close_code_is_one_that_may_be_sent() {
    for code in 0..=u16::MAX {
        let may_be_sent = match code {
            1004..=1006 | 1015 => false,
            1000..=1014 | 3000..=4999 => true,
            _ => false,
        };
        let said = heard(&frames(&[(CLOSE, &code.to_be_bytes())]), 64).map_err(|fault| fault.close().0);
        let expected = if may_be_sent {
            Ok(vec![Said::Close(Some(code))])
        } else {
            Err(1002)
        };
        assert_eq!(said, expected, "{code}");
    }
}

#[test]
fn nothing_is_kept_of_what_was_said_and_no_room_for_what_is_announced() {
    let mut decoder = Decoder::default();
    let long = frame(WHOLE, &vec![b'x'; FRAME_BYTES], MASK);
    let (start, end) = long.split_at(100);
    decoder.feed(start);
    assert_eq!(decoder.next(), Ok(None));
    assert!(decoder.bytes.capacity() < 1_000, "what has come, not what may");
    decoder.feed(end);
    assert!(matches!(decoder.next(), Ok(Some(Said::Text(_)))));
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(decoder.bytes.capacity(), 0);
    assert!(decoder.begun.is_none());
    decoder.feed(&[&long[..], &[PING]].concat());
    assert!(matches!(decoder.next(), Ok(Some(Said::Text(_)))));
    assert_eq!(decoder.next(), Ok(None));
    assert!(decoder.bytes.capacity() < 100, "nor beside the beginning of the next");
}

/// Frames that are mostly right, one by one.
fn likely_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![TEXT, BINARY, MORE, WHOLE, END, PING, PONG]),
        1 => any::<u8>(),
    ];
    let bytes = prop_oneof![20 => 0..200_usize, 1 => FRAME_BYTES - 200..=FRAME_BYTES + 1];
    (first, bytes, any::<[u8; 4]>()).prop_map(|(first, bytes, mask)| frame(first, &vec![b'x'; bytes], mask))
}

proptest! {
    #[test]
    fn texts_arrive_as_they_were_sent_however_they_are_cut(
        texts in vec((".{0,200}", any::<[u8; 4]>()), 1..8),
        piece in 1_usize..300,
    ) {
        let bytes: Vec<u8> = texts.iter().flat_map(|(text, mask)| frame(WHOLE, text.as_bytes(), *mask)).collect();
        let sent: Vec<_> = texts.iter().map(|(sent, _)| text(sent)).collect();
        prop_assert_eq!(heard(&bytes, piece).unwrap(), sent);
    }

    #[test]
    fn a_message_in_any_pieces_is_whole_whatever_is_asked_between_them(
        parts in vec((vec(any::<char>(), 0..40), any::<bool>(), any::<[u8; 4]>()), 1..12),
        cut in any::<prop::sample::Index>(),
        piece in 1_usize..64,
    ) {
        let whole: String = parts.iter().flat_map(|(part, ..)| part).collect();
        let (mut bytes, mut asked, mut rest) = (Vec::new(), 0, whole.as_bytes());
        for (n, (part, asks, mask)) in parts.iter().enumerate() {
            let is_last = n + 1 == parts.len();
            // Wherever, also within a code point.
            let most = if is_last { rest.len() } else { (part.len() + cut.index(4)).min(rest.len()) };
            let (part, left) = rest.split_at(most);
            rest = left;
            bytes.extend(frame(u8::from(n == 0) | u8::from(is_last) << 7, part, *mask));
            if *asks && !is_last {
                bytes.extend(frame(PING, b"?", *mask));
                asked += 1;
            }
        }
        let heard = heard(&bytes, piece).unwrap();
        prop_assert_eq!(heard.len(), asked + 1);
        prop_assert_eq!(heard.last(), Some(&text(&whole)));
    }

    #[test]
    fn no_bytes_make_it_panic_or_keep_more_than_a_message(
        frames in vec(likely_frame(), 1..12),
        harm in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        piece in 1_usize..5_000,
    ) {
        let mut bytes = frames.concat();
        for (at, byte) in harm {
            *at.get_mut(&mut bytes) = byte;
        }
        let mut decoder = Decoder::default();
        'fed: for piece in bytes.chunks(piece) {
            decoder.feed(piece);
            loop {
                match decoder.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => break 'fed,
                }
            }
            prop_assert!(decoder.bytes.len() < FRAME_BYTES + 14);
            prop_assert!(decoder.begun.as_ref().is_none_or(|begun| begun.payload.len() <= FRAME_BYTES));
        }
    }
}
