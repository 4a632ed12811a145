//! What arrives at the other end of a socket, as a client of somebody else's reads it: whoever wrote it, and however slowly it was taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use readrealm_protocol::CloseCode;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::reader::Reader;
use super::serve::say_goodbye;
use super::wire::{Own, Wire};
use super::writer::Writer;
use crate::connection::{Close, Deliver, End, Frame, Line, Outbox, Told, Writing};

/// Bytes that the system holds at either end of a socket, or a little more.
const BUFFER: u32 = 16 * 1024;

const PATIENCE: Duration = Duration::from_secs(30);

/// How many tell something at once.
const TELLERS: u32 = 4;

/// Frames of each of them.
const FRAMES: u32 = 1_000;

/// How many of them they are at most ahead of who hears, so that the queue runs full and empty by turns.
const AHEAD: u32 = 40;

/// Both ends of a socket, the server's in its halves.
async fn pair() -> (OwnedReadHalf, Arc<Wire>, WebSocketStream<TcpStream>) {
    let (listener, client) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
    listener.set_send_buffer_size(BUFFER).unwrap();
    client.set_recv_buffer_size(BUFFER).unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let client = client.connect(listener.local_addr().unwrap()).await.unwrap();
    let (reader, writer) = listener.accept().await.unwrap().0.into_split();
    writer.writable().await.unwrap();
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    (reader, Wire::new(writer), client)
}

/// What a connection's task does, but for reading.
async fn serve(reader: OwnedReadHalf, wire: Arc<Wire>, outbox: Arc<Outbox>, ping_interval: Duration) -> End {
    let mut writer = Writer::new(Own(Arc::clone(&wire)), Some(wire));
    let mut writing = Writing::new(&mut writer, Arc::default());
    let end = writing.run(&outbox, ping_interval).await;
    writing.finish(&outbox, &end).await;
    say_goodbye(Reader::new(reader, &[]), writer, end.clone()).await;
    end
}

fn frame(teller: u32, number: u32, bytes: usize) -> Frame {
    Frame::event("typing", &(teller, number, "x".repeat(bytes)))
}

/// What a client heard.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    /// Frames of each teller.
    frames: [u32; TELLERS as usize],
    pings: usize,
    /// The number of the last question for life that was answered.
    pong: u32,
    close: Option<u16>,
}

/// Reads to the end of the socket, calling `after` each message; each teller's frames must come in order.
async fn hear(mut client: WebSocketStream<TcpStream>, mut after: impl FnMut(&Heard) -> Duration) -> Heard {
    let mut heard = Heard::default();
    while let Some(message) = client.next().await {
        match message.expect("what is read is a WebSocket's") {
            Message::Text(text) => {
                let text: serde_json::Value = serde_json::from_str(&text).expect("frames are whole");
                let (teller, number, _): (usize, u32, String) = serde_json::from_value(text["data"].clone()).unwrap();
                assert_eq!(number, heard.frames[teller], "frames of {teller} come once, in order");
                heard.frames[teller] += 1;
            }
            Message::Ping(_) => heard.pings += 1,
            Message::Pong(number) => {
                let number = u32::from_be_bytes(number[..].try_into().unwrap());
                assert!(number > heard.pong, "{number} after {}", heard.pong);
                heard.pong = number;
            }
            Message::Close(close) => heard.close = close.map(|close| close.code.into()),
            other => panic!("{other:?}"),
        }
        let pause = after(&heard);
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
    heard
}

/// Tells frames of all lengths as a room does: some at once, and what is told in one turn is flushed once. Returns how many it wrote.
fn tell(outbox: &Outbox, teller: u32, heard: &AtomicU32, mut dice: StdRng) -> u64 {
    let (begun, mut next, mut is_owed, mut written) = (Instant::now(), 0, false, 0);
    while next < FRAMES {
        let many = dice.random_range(1..=6).min(FRAMES - next);
        let frames = (next..next + many).map(|number| {
            let most = if dice.random_ratio(1, 30) { 2 * BUFFER } else { 200 };
            frame(teller, number, dice.random_range(0..most) as usize)
        });
        let frames: Vec<_> = frames.collect();
        match dice.random_range(0..3) {
            0 => frames.into_iter().for_each(|frame| outbox.deliver(frame)),
            1 => is_owed |= outbox.queue(&frames),
            _ => match outbox.tell(&frames) {
                Told::Written(more) => written += more.frames,
                Told::Queued => {}
                Told::FlushOwed => is_owed = true,
            },
        }
        next += many;
        // Also where it is owed by another.
        if is_owed && next == FRAMES || dice.random_ratio(1, 2) {
            is_owed = false;
            written += outbox.flush().frames;
        }
        let enough = next.saturating_sub(dice.random_range(0..AHEAD));
        // What is lost never comes.
        while !is_owed && heard.load(Ordering::Relaxed) < enough && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_micros(50));
        }
        if teller == 0 && dice.random_ratio(1, 20) {
            outbox.answer(Bytes::copy_from_slice(&next.to_be_bytes()));
        }
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_to_a_socket_frames_arrive_whole_and_once_and_in_order() {
    // Without pings nothing else wakes a task that was forgotten.
    for (seed, ping_interval) in [(0, Duration::from_millis(1)), (1, Duration::ZERO)] {
        let (reader, wire, client) = pair().await;
        let outbox = Outbox::new(0, Some(Arc::clone(&wire) as Arc<dyn Line>));
        let dice = |of: u32| StdRng::seed_from_u64(seed << 32 | u64::from(of));
        let heard: Arc<[AtomicU32; TELLERS as usize]> = Arc::default();
        let tellers = (0..TELLERS).map(|teller| {
            let (outbox, heard, dice) = (Arc::clone(&outbox), Arc::clone(&heard), dice(teller));
            spawn_blocking(move || tell(&outbox, teller, &heard[teller as usize], dice))
        });
        let tellers: Vec<_> = tellers.collect();
        let mut moods = dice(TELLERS);
        let hearing = tokio::spawn(hear(client, move |now| {
            heard
                .iter()
                .zip(now.frames)
                .for_each(|(heard, now)| heard.store(now, Ordering::Relaxed));
            let is_slow = moods.random_ratio(1, 200);
            Duration::from_millis(if is_slow { moods.random_range(1..10) } else { 0 })
        }));
        let serving = tokio::spawn(serve(reader, wire, Arc::clone(&outbox), ping_interval));
        let told = async {
            let mut written = 0;
            for teller in tellers {
                written += teller.await.unwrap();
            }
            outbox.drained().await;
            outbox.close(Close::new(CloseCode::GoingAway, ""));
            serving.await.unwrap();
            (written, hearing.await.unwrap())
        };
        let (written, heard) = timeout(PATIENCE, told).await.expect("all is told");
        assert_eq!(heard.frames, [FRAMES; TELLERS as usize]);
        assert_eq!(heard.close, Some(4001));
        assert_eq!(heard.pings > 10, !ping_interval.is_zero(), "{heard:?}");
        assert!(heard.pong > 0, "{heard:?}");
        let all = u64::from(TELLERS * FRAMES);
        assert!((all / 10..all).contains(&written), "both write: {written} of {all}");
    }
}

#[tokio::test]
async fn a_slow_client_hears_the_frame_that_was_begun_to_its_end_and_then_4008() {
    for is_begun_by_others in [true, false] {
        let (reader, wire, client) = pair().await;
        let line = is_begun_by_others.then(|| Arc::clone(&wire) as Arc<dyn Line>);
        let outbox = Outbox::new(BUFFER as usize, line);
        // More than both ends hold.
        assert!(outbox.queue(&[frame(0, 0, 4 * 1024 * 1024)]));
        assert_eq!(outbox.flush().frames, u64::from(is_begun_by_others));
        let serving = tokio::spawn(serve(reader, wire, Arc::clone(&outbox), Duration::ZERO));
        client.get_ref().readable().await.unwrap();
        assert_eq!(outbox.closed(), None);
        outbox.deliver(frame(0, 1, 0));
        let heard = timeout(PATIENCE, hear(client, |_| Duration::ZERO))
            .await
            .expect("an end");
        let expected = Heard {
            frames: [1, 0, 0, 0],
            close: Some(4008),
            ..Heard::default()
        };
        assert_eq!(heard, expected);
        assert!(matches!(serving.await.unwrap(), End::Closed(close) if close.code == CloseCode::SlowConsumer));
    }
}
