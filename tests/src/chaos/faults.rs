//! What is done to the cluster, each kind with its beginning and its end.

use std::fmt;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use tokio::time::timeout;

use super::Say;
use super::cluster::{Cluster, NODES};
use super::dice::Dice;
use crate::proxy::{Side, Weather};

/// Two members elect one of them within this time.
const ELECTION: Duration = Duration::from_mins(1);

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    StepDown,
    KillPrimary,
    StopPrimary,
    StopSecondary,
    LoseMajority,
    KillAlone,
    KillNode,
    TerminateNode,
    CutClients,
    LoseClients,
    SlowClients,
    CutMongods,
    LoseMongods,
    SlowMongods,
    InsertRetryable,
    InsertOther,
    InsertUnsure,
    InsertCut,
    InsertHeld,
    TailBroken,
    TailLost,
    TailCut,
}

/// What a fault works on: two of one part are never at work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Members,
    Nodes,
    ClientLinks,
    MongodLinks,
    Commands,
}

impl Kind {
    pub(super) const ALL: [Self; 22] = [
        Self::StepDown,
        Self::KillPrimary,
        Self::StopPrimary,
        Self::StopSecondary,
        Self::LoseMajority,
        Self::KillAlone,
        Self::KillNode,
        Self::TerminateNode,
        Self::CutClients,
        Self::LoseClients,
        Self::SlowClients,
        Self::CutMongods,
        Self::LoseMongods,
        Self::SlowMongods,
        Self::InsertRetryable,
        Self::InsertOther,
        Self::InsertUnsure,
        Self::InsertCut,
        Self::InsertHeld,
        Self::TailBroken,
        Self::TailLost,
        Self::TailCut,
    ];

    fn part(self) -> Part {
        match self {
            Self::StepDown
            | Self::KillPrimary
            | Self::StopPrimary
            | Self::StopSecondary
            | Self::LoseMajority
            | Self::KillAlone => Part::Members,
            Self::KillNode | Self::TerminateNode => Part::Nodes,
            Self::CutClients | Self::LoseClients | Self::SlowClients => Part::ClientLinks,
            Self::CutMongods | Self::LoseMongods | Self::SlowMongods => Part::MongodLinks,
            _ => Part::Commands,
        }
    }

    /// Whether this may come on top of that. Members are harmed one at a time, and nothing is added to the one kind
    /// that takes their majority away.
    pub(super) fn may_join(self, other: Self) -> bool {
        let parts = self.part() != other.part() && self.part() != Part::Members;
        let whole = !matches!(other, Self::LoseMajority | Self::KillAlone);
        // A stopped member could not be told that its commands are to work again.
        let told = self.part() != Part::Commands || !matches!(other, Self::StopPrimary | Self::StopSecondary);
        parts && whole && told
    }

    /// Whether it is over soon enough for the short run.
    pub(super) fn is_cheap(self) -> bool {
        !matches!(self, Self::StopPrimary | Self::StopSecondary | Self::InsertHeld)
    }

    /// How long it lasts, in milliseconds.
    pub(super) fn lasts(self, short: bool) -> (u64, u64) {
        match (self, short) {
            (Self::StepDown | Self::CutClients | Self::CutMongods, _) => (0, 0),
            (Self::KillPrimary, false) => (15_000, 18_000),
            (Self::KillPrimary, true) => (4_000, 4_000),
            (Self::StopPrimary | Self::StopSecondary, false) => (20_000, 20_000),
            (Self::LoseMajority | Self::KillAlone, false) => (5_000, 9_000),
            (Self::KillNode | Self::TerminateNode, false) => (1_000, 5_000),
            (_, false) => (4_000, 9_000),
            (_, true) => (1_500, 1_500),
        }
    }

    /// What the members do to the nodes' commands meanwhile.
    fn command(self) -> Option<Document> {
        let of = |command: &str| doc! { "failCommands": [command] };
        let with = |mut command: Document, more: Document| {
            command.extend(more);
            Some(command)
        };
        match self {
            // InterruptedDueToReplStateChange, NotWritablePrimary: drivers try once more by themselves.
            Self::InsertRetryable => with(
                of("insert"),
                doc! { "errorCode": 11602, "errorLabels": ["RetryableWriteError"] },
            ),
            // InternalError, of which no driver knows anything.
            Self::InsertOther => with(of("insert"), doc! { "errorCode": 1 }),
            // WriteConcernFailed: it is written, and nobody knows whether a majority will have it.
            Self::InsertUnsure => with(
                of("insert"),
                doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } },
            ),
            Self::InsertCut => with(of("insert"), doc! { "closeConnection": true }),
            // Longer than a node waits: it is written after the node gave up.
            Self::InsertHeld => with(of("insert"), doc! { "blockConnection": true, "blockTimeMS": 6_000 }),
            // CursorNotFound: drivers resume by themselves.
            Self::TailBroken => with(of("getMore"), doc! { "errorCode": 43 }),
            // ChangeStreamHistoryLost: there is nothing to resume from.
            Self::TailLost => with(of("getMore"), doc! { "errorCode": 286 }),
            Self::TailCut => with(of("getMore"), doc! { "closeConnection": true }),
            _ => None,
        }
    }

    fn weather(self) -> Option<Weather> {
        match self {
            Self::LoseClients | Self::LoseMongods => Some(Weather::Lost),
            Self::SlowClients => Some(Weather::Slow(Duration::from_millis(150))),
            Self::SlowMongods => Some(Weather::Slow(Duration::from_millis(40))),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StepDown => "primary steps down",
            Self::KillPrimary => "kill -9 of the primary",
            Self::StopPrimary => "primary stopped (SIGSTOP)",
            Self::StopSecondary => "secondary stopped (SIGSTOP)",
            Self::LoseMajority => "both secondaries stopped",
            Self::KillAlone => "primary cut off from the others, killed",
            Self::KillNode => "kill -9 of a node",
            Self::TerminateNode => "SIGTERM of a node",
            Self::CutClients => "clients cut off",
            Self::LoseClients => "clients half-open",
            Self::SlowClients => "clients slow",
            Self::CutMongods => "mongods cut off",
            Self::LoseMongods => "mongods half-open",
            Self::SlowMongods => "mongods slow",
            Self::InsertRetryable => "insert fails, retryable",
            Self::InsertOther => "insert fails, otherwise",
            Self::InsertUnsure => "insert without its majority",
            Self::InsertCut => "insert cut off",
            Self::InsertHeld => "insert held back 6 s",
            Self::TailBroken => "getMore fails, resumable",
            Self::TailLost => "getMore: history lost",
            Self::TailCut => "getMore cut off",
        })
    }
}

/// A fault at work.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// The member or the node that is harmed.
    target: usize,
}

impl Fault {
    /// Begins it. `None` where it cannot be done now.
    pub(super) async fn begin(kind: Kind, cluster: &mut Cluster, dice: &mut Dice, say: &Say) -> Option<Self> {
        let node = dice.below(NODES);
        let turn = dice.between(1, 2);
        let primary = match kind.part() {
            Part::Members => Some(cluster.set.primary().await?),
            _ => None,
        };
        let secondary =
            |primary: usize| (primary + usize::try_from(turn).expect("1 or 2")) % cluster.set.numbers().len();
        let target = match (kind, primary) {
            (Kind::StopSecondary, Some(primary)) => secondary(primary),
            (_, Some(primary)) => primary,
            (_, None) => node,
        };
        let fault = Self { kind, target };
        fault.apply(cluster, say).await;
        Some(fault)
    }

    /// The node that is gone meanwhile.
    pub(super) fn node_gone(&self) -> Option<usize> {
        (self.kind.part() == Part::Nodes).then_some(self.target)
    }

    async fn apply(&self, cluster: &mut Cluster, say: &Say) {
        let target = self.target;
        let who = match self.kind.part() {
            Part::Members => format!(" (member {target})"),
            Part::Nodes => format!(" (node {target})"),
            _ => String::new(),
        };
        say.line(&format!("{}{who}", self.kind));
        match self.kind {
            Kind::StepDown => {
                if let Err(error) = cluster.set.step_down(target, 10).await {
                    say.line(&format!("the primary did not step down: {error}"));
                }
            }
            Kind::KillPrimary => cluster.set.kill(target),
            Kind::StopPrimary | Kind::StopSecondary => cluster.set.freeze(target, true),
            Kind::LoseMajority => self.freeze_others(cluster, true),
            Kind::KillAlone => self.isolate(cluster, Weather::Lost),
            Kind::KillNode => cluster.nodes[target].kill(),
            Kind::TerminateNode => {
                if let Some(wrong) = cluster.nodes[target].terminate().await {
                    say.ledger.broken(wrong);
                }
            }
            Kind::CutClients => {
                let cut: usize = cluster.nodes.iter().map(|node| node.proxy.cut(Side::Client)).sum();
                say.line(&format!("{cut} connections cut"));
            }
            Kind::CutMongods => {
                let both = (0..NODES).map(Side::Node);
                let cut = both.flat_map(|side| cluster.set.proxies().map(move |proxy| proxy.cut(side)));
                let cut: usize = cut.sum();
                say.line(&format!("{cut} connections cut"));
            }
            kind => {
                if let Some(weather) = kind.weather() {
                    self.set_weather(cluster, weather);
                }
                if let Some(command) = kind.command() {
                    cluster.set.fail_command(Some(&command)).await;
                }
            }
        }
    }

    /// Ends it: from here on nothing is wrong with what it worked on.
    pub(super) async fn end(&self, cluster: &mut Cluster, say: &Say) {
        let target = self.target;
        match self.kind {
            Kind::KillPrimary => cluster.set.restart(target).await,
            Kind::StopPrimary | Kind::StopSecondary => cluster.set.freeze(target, false),
            Kind::LoseMajority => self.freeze_others(cluster, false),
            // What it alone has dies with it, as another is elected before it is back.
            Kind::KillAlone => {
                cluster.set.kill(target);
                self.isolate(cluster, Weather::Clear);
                if timeout(ELECTION, cluster.set.elected()).await.is_err() {
                    say.ledger
                        .broken("nobody was elected in place of the killed primary".to_owned());
                }
                cluster.set.restart(target).await;
            }
            Kind::KillNode | Kind::TerminateNode => cluster.nodes[target].restart(say).await,
            kind => {
                if kind.weather().is_some() {
                    self.set_weather(cluster, Weather::Clear);
                }
                if kind.command().is_some() {
                    cluster.set.fail_command(None).await;
                }
            }
        }
    }

    /// Members take what is new from the primary; the nodes' way to it stays as it is.
    fn isolate(&self, cluster: &Cluster, weather: Weather) {
        if let Some(proxy) = cluster.set.proxies().nth(self.target) {
            proxy.set_weather(Side::Other, weather);
        }
    }

    fn freeze_others(&self, cluster: &Cluster, frozen: bool) {
        for member in cluster.set.numbers().filter(|member| *member != self.target) {
            cluster.set.freeze(member, frozen);
        }
    }

    fn set_weather(&self, cluster: &Cluster, weather: Weather) {
        if self.kind.part() == Part::ClientLinks {
            for node in &cluster.nodes {
                node.proxy.set_weather(Side::Client, weather);
            }
        } else {
            // One node's way to the database; the other's is as it was.
            for proxy in cluster.set.proxies() {
                proxy.set_weather(Side::Node(self.target), weather);
            }
        }
    }
}
