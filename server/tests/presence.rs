//! Presence over many nodes, held to a model that keeps nothing but the reasons why each user is present.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use readrealm_protocol::UserId;
use readrealm_protocol::server::User;
use readrealm_server::cluster::{Elsewhere, News, NodeId};
use readrealm_server::room::presence::{Moved, Presence};

const USERS: usize = 4;
const NODES: usize = 3;
const GRACE: u64 = 10_000;

#[derive(Debug, Clone)]
enum Step {
    Enter(usize),
    Exit(usize, bool),
    Held(usize, usize),
    Leaving(usize, usize),
    LetGo(usize, usize),
    Dead(usize),
    All(BTreeSet<(usize, usize)>),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (user, node) = (0..USERS, 0..NODES);
    prop_oneof![
        3 => user.clone().prop_map(Step::Enter),
        3 => (user.clone(), any::<bool>()).prop_map(|(user, dropped)| Step::Exit(user, dropped)),
        3 => (node.clone(), user.clone()).prop_map(|(node, user)| Step::Held(node, user)),
        1 => (node.clone(), user.clone()).prop_map(|(node, user)| Step::Leaving(node, user)),
        2 => (node.clone(), user.clone()).prop_map(|(node, user)| Step::LetGo(node, user)),
        1 => node.clone().prop_map(Step::Dead),
        1 => prop::collection::btree_set((node, user), 0..6).prop_map(Step::All),
        3 => (1_u64..12_000).prop_map(Step::Pass),
    ]
}

/// Why a user is present.
#[derive(Debug, Default, Clone)]
struct Why {
    connections: usize,
    /// Until when the last connection here, dropped, may come back.
    dropped: Option<u64>,
    nodes: BTreeSet<usize>,
    /// Until when the user of a node that shut down may, nothing else holding them.
    shut_down: Option<u64>,
}

impl Why {
    fn is_held(&self) -> bool {
        self.connections > 0 || self.dropped.is_some()
    }

    fn is_present(&self) -> bool {
        self.is_held() || !self.nodes.is_empty() || self.shut_down.is_some()
    }
}

#[derive(Debug, Default)]
struct Model {
    now: u64,
    users: [Why; USERS],
}

impl Model {
    fn take(&mut self, step: &Step) {
        let now = self.now;
        match step {
            Step::Enter(user) => {
                let why = &mut self.users[*user];
                (why.connections, why.dropped, why.shut_down) = (why.connections + 1, None, None);
            }
            Step::Exit(user, dropped) => {
                let why = &mut self.users[*user];
                if why.connections > 0 {
                    why.connections -= 1;
                    why.dropped = (why.connections == 0 && *dropped).then_some(now + GRACE);
                }
            }
            Step::Held(node, user) => self.hold(*node, *user),
            Step::Leaving(node, user) => {
                let why = &mut self.users[*user];
                if why.nodes.remove(node) && !why.is_present() {
                    why.shut_down = Some(now + GRACE);
                }
            }
            Step::LetGo(node, user) => {
                self.users[*user].nodes.remove(node);
            }
            Step::Dead(node) => {
                for why in &mut self.users {
                    why.nodes.remove(node);
                }
            }
            Step::All(all) => {
                for why in &mut self.users {
                    why.nodes.clear();
                }
                for (node, user) in all {
                    self.hold(*node, *user);
                }
            }
            Step::Pass(millis) => {
                self.now += millis;
                for why in &mut self.users {
                    why.dropped = why.dropped.filter(|at| *at > self.now);
                    why.shut_down = why.shut_down.filter(|at| *at > self.now);
                }
            }
        }
    }

    fn hold(&mut self, node: usize, user: usize) {
        self.users[user].nodes.insert(node);
        self.users[user].shut_down = None;
    }

    fn those(&self, are: impl Fn(&Why) -> bool) -> BTreeSet<usize> {
        (0..USERS).filter(|user| are(&self.users[*user])).collect()
    }
}

fn user(n: usize) -> Arc<User> {
    let name = format!("{n}");
    Arc::new(User {
        user_id: name.as_str().try_into().unwrap(),
        username: name.as_str().try_into().unwrap(),
    })
}

fn number(user: &UserId) -> usize {
    user.as_str().parse().unwrap()
}

fn feed(presence: &mut Presence, step: &Step, nodes: &[NodeId], now: Instant) -> Vec<Moved> {
    let id = |n: usize| user(n).user_id.clone();
    let elsewhere = |node: usize, n: usize| Elsewhere {
        node: nodes[node],
        user: user(n),
        typing: false,
    };
    match step {
        Step::Enter(n) => presence.enter(&user(*n)),
        Step::Exit(n, dropped) => presence.exit(&id(*n), *dropped, now),
        Step::Held(node, n) => presence.hear(News::Held(elsewhere(*node, *n)), now),
        Step::Leaving(node, n) => presence.hear(News::Leaving(nodes[*node], id(*n)), now),
        Step::LetGo(node, n) => presence.hear(News::LetGo(nodes[*node], id(*n)), now),
        Step::Dead(node) => presence.hear(News::Dead(nodes[*node]), now),
        Step::All(all) => {
            let all = all.iter().map(|(node, n)| elsewhere(*node, *n)).collect();
            presence.hear(News::All(all), now)
        }
        Step::Pass(_) => presence.advance(now),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_user_is_told_of_once_whatever_holds_them(steps in prop::collection::vec(step(), 1..80)) {
        let nodes: Vec<NodeId> = (0..NODES).map(|_| NodeId::random()).collect();
        let (start, mut presence, mut model) = (Instant::now(), Presence::default(), Model::default());
        for step in &steps {
            let (present, held) = (model.those(Why::is_present), model.those(Why::is_held));
            model.take(step);
            let now = start + Duration::from_millis(model.now);
            // Each told at most once in a step, and only where it came true.
            let mut told: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for moved in feed(&mut presence, step, &nodes, now) {
                let (kind, user) = match &moved {
                    Moved::Joined(user) => ("joined", user),
                    Moved::Left(user) => ("left", user),
                    Moved::Held(user) => ("held", user),
                    Moved::LetGo(user) => ("let go", user),
                    Moved::Typing(_) | Moved::Stopped(_) => panic!("nobody writes"),
                };
                told.entry(kind).or_default().push(number(&user.user_id));
            }
            for users in told.values_mut() {
                users.sort_unstable();
            }
            let is = (model.those(Why::is_present), model.those(Why::is_held));
            let mut due: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            due.insert("joined", is.0.difference(&present).copied().collect());
            due.insert("left", present.difference(&is.0).copied().collect());
            due.insert("held", is.1.difference(&held).copied().collect());
            due.insert("let go", held.difference(&is.1).copied().collect());
            due.retain(|_, users| !users.is_empty());
            prop_assert_eq!(&told, &due, "{:?} in {:?}", step, steps);

            let members = presence.members();
            let listed: BTreeSet<usize> = members.users.iter().map(|user| number(&user.user_id)).collect();
            prop_assert_eq!((members.count, &listed), (is.0.len(), &is.0));
            let here: BTreeSet<usize> = presence.held_users().map(|user| number(&user.user_id)).collect();
            prop_assert_eq!((presence.held(), &here), (is.1.len(), &is.1));
            let next = model.users.iter().flat_map(|why| [why.dropped, why.shut_down]).flatten().min();
            prop_assert_eq!(presence.deadline(), next.map(|at| start + Duration::from_millis(at)));
        }
    }
}
