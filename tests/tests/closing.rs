//! What closes a connection: a frame over 64 KiB, a binary frame, too many malformed ones. Nobody else notices.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::pair::{BOOK, Pair, UNLIMITED, in_room};
use e2e::{Server, Store};
use readrealm_protocol::ErrorCode::MalformedFrame;
use readrealm_protocol::{ServerEvent, limits};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, coding::Data, coding::OpCode};

#[tokio::test]
async fn a_hundred_malformed_frames_are_borne_and_one_more_closes_with_4100() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    for _ in 0..100 {
        pair.bad.send_text("nonsense").await;
    }
    for _ in 0..100 {
        let answer = pair.bad.next().await;
        assert!(
            matches!(&answer.event, ServerEvent::Error(reply) if reply.code == MalformedFrame),
            "{answer:?}"
        );
    }
    pair.talk("a hundred malformed frames").await;
    pair.bad.send_text("nonsense").await;
    assert_eq!(pair.bad.closed().await.0, 4100);
    pair.other.post(BOOK, "still here").await;
}

#[tokio::test]
async fn what_is_owed_is_told_before_the_close() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    for _ in 0..101 {
        pair.bad.send_text("nonsense").await;
    }
    assert_eq!(pair.bad.closed().await.0, 4100);
    let answers = pair
        .bad
        .heard()
        .filter(|frame| matches!(frame.event, ServerEvent::Error(_)));
    assert_eq!(answers.count(), 100);
}

#[tokio::test]
async fn a_binary_frame_closes_with_4100() {
    let server = Server::start(&Store::memory()).await;
    let mut pair = Pair::new(&server).await;
    pair.bad
        .send_raw(Message::binary(r#"{"event":"leaveRoom","data":{"bookId":84}}"#))
        .await;
    assert_eq!(pair.bad.closed().await.0, 4100);
    pair.other.post(BOOK, "still here").await;
}

#[tokio::test]
async fn a_frame_of_64_kib_is_read_and_a_larger_one_closes_with_1009() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let frame = |bytes: usize| {
        let bare = in_room("message", r#""content":"a","padding":"""#);
        let padding = "x".repeat(bytes - bare.len());
        in_room("message", &format!(r#""content":"a","padding":"{padding}""#))
    };
    let mut pair = Pair::new(&server).await;
    let largest = frame(limits::FRAME_BYTES);
    assert_eq!(largest.len(), 65_536);
    pair.bad.send_text(&largest).await;
    pair.bad.answer(7.into()).await.unwrap();
    pair.bad.send_text(&frame(limits::FRAME_BYTES + 1)).await;
    assert_eq!(pair.bad.closed().await.0, 1009);

    // In pieces, each of them small.
    for (bytes, fine) in [(limits::FRAME_BYTES, true), (limits::FRAME_BYTES + 1, false)] {
        let mut pair = Pair::new(&server).await;
        let text = frame(bytes);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1_000).collect();
        for (n, piece) in pieces.iter().enumerate() {
            let kind = if n == 0 { Data::Text } else { Data::Continue };
            let piece = Frame::message(piece.to_vec(), OpCode::Data(kind), n + 1 == pieces.len());
            if pair.bad.try_send_raw(Message::Frame(piece)).await.is_err() {
                break;
            }
        }
        if fine {
            pair.bad.answer(7.into()).await.unwrap();
        } else {
            assert_eq!(pair.bad.closed().await.0, 1009);
        }
        pair.other.post(BOOK, "still here").await;
    }

    // A megabyte in one go, of which the server reads no more than it must to say why.
    let mut pair = Pair::new(&server).await;
    let _ = pair.bad.try_send_raw(Message::text("x".repeat(1024 * 1024))).await;
    assert_eq!(pair.bad.closed().await.0, 1009);
    pair.other.post(BOOK, "still here").await;
}

/// RFC 6455, 8.1: such a frame fails the connection, whatever the protocol on top of it says.
#[tokio::test]
async fn text_that_is_not_utf8_closes_that_connection_with_1007_and_no_other() {
    let server = Server::start(&Store::memory()).await;
    for bytes in [
        &b"\xff"[..],
        b"\"\xc3\x28\"",
        b"\xed\xa0\x80",
        b"{\"event\":\"\xf0\x9f\"}",
    ] {
        let mut pair = Pair::new(&server).await;
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), true);
        pair.bad.send_raw(Message::Frame(frame)).await;
        let (code, reason) = pair.bad.closed().await;
        assert_eq!(code, 1007, "{reason}");
        pair.other.post(BOOK, "still here").await;
    }
}
