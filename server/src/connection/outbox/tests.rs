//! What becomes of frames, with a socket that takes as much as a test lets it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use futures_util::FutureExt;
use futures_util::task::{ArcWake, waker as task_waker};

use super::*;

fn frame(bytes: usize) -> Frame {
    let text = "x".repeat(bytes - Frame::event("t", &"").len());
    Frame::event("t", &text)
}

/// A socket that takes so many bytes more, and what was written to it, write by write.
#[derive(Default)]
struct Socket {
    room: Mutex<usize>,
    writes: Mutex<Vec<Vec<Frame>>>,
    /// What others do while it is written to.
    meanwhile: Mutex<Option<Box<dyn FnMut() + Send>>>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Socket")
    }
}

impl Socket {
    fn with_room(bytes: usize) -> Arc<Self> {
        let socket = Self::default();
        *socket.room.lock().unwrap() = bytes;
        Arc::new(socket)
    }

    fn meanwhile(&self, act: impl FnMut() + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::new(act));
    }

    fn writes(&self) -> Vec<Vec<Frame>> {
        std::mem::take(&mut *self.writes.lock().unwrap())
    }
}

impl Line for Socket {
    fn try_send(&self, frames: &[Frame]) -> Sent {
        if let Some(act) = self.meanwhile.lock().unwrap().as_mut() {
            act();
        }
        let mut room = self.room.lock().unwrap();
        let (mut sent, mut is_whole) = (0, true);
        while sent < frames.len() && *room > 0 {
            is_whole = frames[sent].len() <= *room;
            *room = room.saturating_sub(frames[sent].len());
            sent += 1;
        }
        if sent > 0 {
            self.writes.lock().unwrap().push(frames[..sent].to_vec());
        }
        Sent { frames: sent, is_whole }
    }
}

fn take(outbox: &Outbox, taken: &mut VecDeque<Frame>) -> Option<Turn> {
    outbox.turn(false, taken).now_or_never().map(Result::unwrap)
}

#[test]
fn what_is_told_in_one_turn_of_a_room_shares_a_write_and_a_queue() {
    let socket = Socket::with_room(1_000);
    let outbox = Outbox::new(1_000, Some(socket.clone()));
    let (frames, mut taken) = ([40, 50, 60].map(frame), VecDeque::new());
    assert!(outbox.queue(&frames[0..=0]), "a write is owed");
    assert!(!outbox.queue(&frames[1..=1]), "the same");
    outbox.deliver(frames[2].clone());
    let written = outbox.flush();
    assert_eq!((written.writes, written.frames, written.bytes), (1, 3, 150));
    assert_eq!(socket.writes(), [frames.to_vec()]);
    assert!(outbox.drained().now_or_never().is_some());
    assert!(
        take(&outbox, &mut taken).is_none(),
        "nothing is left for the connection's task"
    );
    assert_eq!(outbox.flush(), Written::default());
}

#[test]
fn what_the_socket_does_not_take_is_the_connections_task_s_and_goes_first() {
    let socket = Socket::with_room(60);
    let outbox = Outbox::new(1_000, Some(socket.clone()));
    let frames = [40, 50, 60, 70].map(frame);
    for frame in &frames[..3] {
        outbox.queue(std::slice::from_ref(frame));
    }
    assert_eq!(outbox.flush().frames, 2, "of the second a part");
    *socket.room.lock().unwrap() = 1_000;
    outbox.queue(&frames[3..=3]);
    assert_eq!(outbox.flush(), Written::default(), "nobody writes past what was begun");
    let mut taken = VecDeque::new();
    let turn = take(&outbox, &mut taken).unwrap();
    assert_eq!((turn.begun, &taken), (50, &frames[2..].to_vec().into()));
    outbox.queue(&frames[0..=0]);
    assert_eq!(outbox.flush(), Written::default(), "it is the task's turn");
    let mut drained = Box::pin(outbox.drained());
    assert!(drained.as_mut().now_or_never().is_none());
    outbox.written(50 + 60 + 70);
    assert_eq!(outbox.flush().frames, 1);
    assert!(drained.now_or_never().is_some());
}

#[test]
fn what_comes_while_the_socket_takes_no_more_goes_behind_what_it_left() {
    let socket = Socket::with_room(60);
    let outbox = Outbox::new(0, Some(socket.clone()));
    let coming = Arc::clone(&outbox);
    socket.meanwhile(move || assert!(!coming.queue(&[frame(70)])));
    outbox.queue(&[40, 50, 60].map(frame));
    assert_eq!(outbox.flush().frames, 2);
    let mut taken = VecDeque::new();
    assert_eq!(take(&outbox, &mut taken).map(|turn| turn.begun), Some(50));
    assert_eq!(taken, [60, 70].map(frame));
}

#[test]
fn what_is_told_where_nothing_waits_is_written_at_once_and_enters_no_queue() {
    let socket = Socket::with_room(1_000);
    let outbox = Outbox::new(1_000, Some(socket.clone()));
    let frames = [40, 50].map(frame);
    assert_eq!(outbox.tell(&frames), Told::Written(Written::of(&frames)));
    assert_eq!(socket.writes(), [frames.to_vec()]);
    assert_eq!(outbox.lock().frames.capacity(), 0);
    assert!(outbox.drained().now_or_never().is_some());
    // Behind what waits.
    outbox.queue(&frames[..1]);
    assert_eq!(outbox.tell(&frames[1..]), Told::Queued);
    assert_eq!(outbox.flush(), Written::of(&frames));
    assert_eq!(socket.writes(), [frames.to_vec()]);
}

#[test]
fn of_what_is_told_the_rest_is_the_connections_task_s_and_what_came_meanwhile_goes_behind_it() {
    let socket = Socket::with_room(60);
    let outbox = Outbox::new(1_000, Some(socket.clone()));
    let coming = Arc::clone(&outbox);
    socket.meanwhile(move || assert_eq!(coming.tell(&[frame(70)]), Told::Queued, "whoever writes takes it"));
    let Told::Written(written) = outbox.tell(&[40, 50, 60].map(frame)) else {
        panic!("nothing waited");
    };
    assert_eq!((written.writes, written.frames, written.bytes), (1, 2, 90));
    *socket.room.lock().unwrap() = 1_000;
    assert_eq!(
        outbox.tell(&[frame(80)]),
        Told::Queued,
        "nobody writes past what was begun"
    );
    let mut taken = VecDeque::new();
    assert_eq!(take(&outbox, &mut taken).map(|turn| turn.begun), Some(50));
    assert_eq!(taken, [60, 70, 80].map(frame));
    let mut drained = Box::pin(outbox.drained());
    assert!(drained.as_mut().now_or_never().is_none());
    outbox.written(50 + 60 + 70 + 80);
    assert!(drained.now_or_never().is_some());
}

#[test]
fn what_comes_while_something_is_told_goes_out_with_the_next_write() {
    let socket = Socket::with_room(usize::MAX);
    let outbox = Outbox::new(0, Some(socket.clone()));
    let (coming, mut times) = (Arc::clone(&outbox), 0);
    socket.meanwhile(move || {
        times += 1;
        if times == 1 {
            coming.deliver(frame(50));
        }
    });
    let frames = [40, 50].map(frame);
    assert_eq!(
        outbox.tell(&frames[..1]),
        Told::Written(Written {
            writes: 2,
            ..Written::of(&frames)
        })
    );
    assert_eq!(socket.writes(), frames.map(|frame| vec![frame]));
    assert!(outbox.drained().now_or_never().is_some());
}

#[test]
fn who_waits_for_the_turn_is_woken_by_who_tells() {
    let socket = Socket::with_room(usize::MAX);
    let outbox = Outbox::new(0, Some(socket.clone()));
    let (of, waker) = (Arc::clone(&outbox), Arc::new(Task::default()));
    let by = Arc::clone(&waker);
    socket.meanwhile(move || {
        let mut frames = VecDeque::new();
        let mut turn = Box::pin(of.turn(true, &mut frames));
        let waker = task_waker(Arc::clone(&by));
        assert!(turn.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    });
    outbox.tell(&[frame(40)]);
    assert_eq!(waker.0.load(Ordering::Relaxed), 1);
    assert!(
        take(&outbox, &mut VecDeque::new()).is_none(),
        "nothing is left but the wish"
    );
}

#[test]
fn nothing_is_told_to_one_that_ends() {
    let socket = Socket::with_room(1_000);
    let closed = Outbox::new(1_000, Some(socket.clone()));
    closed.close(Close::new(CloseCode::Revoked, ""));
    assert_eq!(closed.tell(&[frame(40)]), Told::Queued);
    assert!(closed.rest().is_empty());
    let sealed = Outbox::new(1_000, Some(socket.clone()));
    sealed.seal(false).now_or_never().unwrap();
    assert_eq!(sealed.tell(&[frame(40)]), Told::Queued);
    assert_eq!(sealed.rest(), [frame(40)]);
    assert_eq!(socket.writes(), [[]; 0]);
}

/// A task that counts how often it is woken.
#[derive(Debug, Default)]
struct Task(AtomicUsize);

impl ArcWake for Task {
    fn wake_by_ref(task: &Arc<Self>) {
        task.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_comes_during_a_write_goes_out_with_the_next_and_some_is_left_to_the_connections_task() {
    let socket = Socket::with_room(usize::MAX);
    let outbox = Outbox::new(0, Some(socket.clone()));
    let (task, coming) = (Arc::new(Task::default()), Arc::clone(&outbox));
    let mut taken = VecDeque::new();
    let waker = task_waker(Arc::clone(&task));
    let mut context = Context::from_waker(&waker);
    {
        let mut waiting = Box::pin(outbox.turn(false, &mut taken));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        socket.meanwhile(move || assert!(!coming.queue(&[frame(50)]), "whoever writes takes it"));
        outbox.queue(&[frame(40)]);
        let rounds = ROUNDS as usize;
        assert_eq!(outbox.flush().writes, u64::from(ROUNDS), "others are to be told, too");
        assert_eq!(socket.writes().concat().len(), rounds);
        assert_eq!(
            task.0.load(Ordering::Relaxed),
            1,
            "what is left has somebody to see to it"
        );
        assert!(waiting.as_mut().poll(&mut context).is_ready());
    }
    assert_eq!(taken, [frame(50)]);
}

#[test]
fn who_waits_for_the_turn_is_woken_by_whoever_has_it() {
    let socket = Socket::with_room(usize::MAX);
    let outbox = Outbox::new(0, Some(socket.clone()));
    let (task, waiting) = (Arc::new(Task::default()), Arc::new(Mutex::new(None)));
    let (of, sealed, by) = (Arc::clone(&outbox), Arc::clone(&waiting), Arc::clone(&task));
    socket.meanwhile(move || {
        let of = Arc::clone(&of);
        let mut seal = Box::pin(async move { of.seal(false).await });
        let waker = task_waker(Arc::clone(&by));
        assert!(seal.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        *sealed.lock().unwrap() = Some(seal);
    });
    outbox.queue(&[frame(40)]);
    outbox.flush();
    assert_eq!(task.0.load(Ordering::Relaxed), 1);
    let seal = waiting.lock().unwrap().take().unwrap();
    assert!(seal.now_or_never().is_some());
}

#[test]
fn nothing_more_is_written_once_it_is_closed() {
    let socket = Socket::with_room(60);
    let outbox = Outbox::new(0, Some(socket.clone()));
    let ending = Arc::clone(&outbox);
    socket.meanwhile(move || ending.close(Close::new(CloseCode::Revoked, "")));
    outbox.queue(&[frame(40), frame(50)]);
    assert_eq!(outbox.flush().frames, 2);
    *socket.room.lock().unwrap() = usize::MAX;
    outbox.queue(&[frame(60)]);
    assert_eq!(outbox.flush(), Written::default());
    let end = outbox.turn(true, &mut VecDeque::new()).now_or_never().unwrap();
    assert_eq!(end.unwrap_err().code, CloseCode::Revoked);
}

#[test]
fn one_that_ends_is_written_to_by_its_task_alone() {
    let socket = Socket::with_room(1_000);
    let outbox = Outbox::new(1_000, Some(socket.clone()));
    outbox.seal(false).now_or_never().unwrap();
    outbox.queue(&[frame(40)]);
    assert_eq!(outbox.flush(), Written::default());
    assert_eq!(outbox.rest(), [frame(40)]);
    assert_eq!(socket.writes(), [[]; 0]);
}

#[test]
fn the_last_question_for_life_is_answered_whoever_writes() {
    let (outbox, mut taken) = (Outbox::new(1_000, Some(Socket::with_room(1_000))), VecDeque::new());
    outbox.answer(Bytes::from_static(b"1"));
    outbox.answer(Bytes::from_static(b"2"));
    let turn = take(&outbox, &mut taken).unwrap();
    assert_eq!(turn.pong.as_deref(), Some(&b"2"[..]));
    outbox.written(0);
    assert!(take(&outbox, &mut taken).is_none());
}

#[test]
fn a_queue_that_is_empty_keeps_little_memory() {
    let outbox = Outbox::new(0, Some(Socket::with_room(usize::MAX)));
    (0..1_000).for_each(|_| outbox.deliver(frame(40)));
    assert_eq!(outbox.flush().frames, 1_000);
    assert!(outbox.lock().frames.capacity() <= USUAL_FRAMES);
    outbox.queue(&[frame(40)]);
    outbox.flush();
    assert!(
        (1..=USUAL_FRAMES).contains(&outbox.lock().frames.capacity()),
        "nor is it asked for each time"
    );
}

#[test]
fn frames_come_out_in_order_and_all_at_once() {
    let (outbox, mut taken) = (Outbox::new(1_000, None), VecDeque::new());
    assert!(take(&outbox, &mut taken).is_none());
    let frames = [frame(40), frame(50)];
    for frame in &frames {
        outbox.deliver(frame.clone());
    }
    assert!(take(&outbox, &mut taken).is_some());
    assert_eq!(taken, frames);
    assert!(take(&outbox, &mut taken).is_none());
}

#[test]
fn bytes_count_until_they_are_written_and_overflow_closes_with_4008() {
    let (outbox, mut taken) = (Outbox::new(100, None), VecDeque::new());
    outbox.deliver(frame(60));
    take(&outbox, &mut taken);
    outbox.written(60);
    outbox.deliver(frame(60));
    take(&outbox, &mut taken);
    outbox.deliver(frame(5_000));
    assert_eq!(outbox.closed(), None, "less than 100 bytes waited");
    outbox.deliver(frame(60));
    assert_eq!(outbox.closed().map(|close| close.code), Some(CloseCode::SlowConsumer));
    outbox.deliver(frame(30));
    assert!(outbox.rest().is_empty(), "nothing is queued for a connection that ends");
}

#[test]
fn who_waits_for_what_is_queued_does_not_wait_for_what_comes_later() {
    let (outbox, mut taken) = (Outbox::new(1_000, None), VecDeque::new());
    outbox.deliver(frame(60));
    let mut drained = Box::pin(outbox.drained());
    assert!(drained.as_mut().now_or_never().is_none());
    outbox.deliver(frame(70));
    take(&outbox, &mut taken);
    outbox.written(60);
    assert!(drained.now_or_never().is_some());
}

#[test]
fn zero_is_without_bound() {
    let outbox = Outbox::new(0, None);
    (0..100).for_each(|_| outbox.deliver(frame(60_000)));
    assert_eq!(outbox.closed(), None);
}
