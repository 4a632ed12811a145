//! What must hold of a room, whatever happened to its server: one order without holes, the same for everybody, with
//! everything in it that was acknowledged, once.

use std::collections::BTreeMap;

use readrealm_protocol::Message;
use readrealm_protocol::server::Appended;

/// Collects what the clients of one room were told, and finds contradictions.
#[derive(Debug, Default)]
pub struct Checker {
    /// What stands at each place, and who said so first.
    placed: BTreeMap<u64, (Message, String)>,
    /// The last place each client was told of.
    last: BTreeMap<String, u64>,
    acked: Vec<(u64, String)>,
}

impl Checker {
    /// `client` heard a live `message`.
    pub fn heard(&mut self, client: &str, message: &Message) {
        let seq = message.seq.get();
        if let Some(last) = self.last.insert(client.to_owned(), seq) {
            assert_eq!(seq, last + 1, "{client} heard {seq} after {last}");
        }
        self.place(client, message);
    }

    /// `client` was told a page of history, newest first.
    pub fn read(&mut self, client: &str, page: &[Message]) {
        for pair in page.windows(2) {
            assert!(
                pair[0].seq > pair[1].seq,
                "{client} read {} before {}",
                pair[0].seq,
                pair[1].seq
            );
            assert!(
                pair[0].created_at >= pair[1].created_at,
                "{client} read times that go back at {}",
                pair[0].seq
            );
        }
        for message in page {
            self.place(client, message);
        }
    }

    /// `content` was acknowledged to its sender.
    pub fn acked(&mut self, ack: &Appended, content: &str) {
        self.acked.push((ack.seq.get(), content.to_owned()));
    }

    /// Everything acknowledged is at its place, and the places are 1..=`count` without a hole.
    pub fn verify(&self, count: u64) {
        for (seq, content) in &self.acked {
            let placed = self.placed.get(seq).map(|(message, _)| message.content.as_str());
            assert_eq!(placed, Some(&**content), "what was acknowledged at {seq}");
        }
        let places: Vec<u64> = self.placed.keys().copied().collect();
        assert_eq!(places, (1..=count).collect::<Vec<_>>(), "the places of the room");
    }

    fn place(&mut self, client: &str, message: &Message) {
        let seq = message.seq.get();
        assert_eq!(message.id.place, message.seq, "the id names the place");
        let (placed, by) = self
            .placed
            .entry(seq)
            .or_insert_with(|| (message.clone(), client.to_owned()));
        assert_eq!(placed, message, "{client} and {by} were told different things of {seq}");
    }
}
