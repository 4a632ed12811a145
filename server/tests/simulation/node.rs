//! A node: a hub, an appender and a tail over its own way to the shared log, and the connections it serves.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use readrealm_protocol::{Epoch, Timestamp};
use readrealm_server::auth::Auth;
use readrealm_server::cluster::Alone;
use readrealm_server::config::Limits;
use readrealm_server::connection::{Resumes, Services, UserLimits};
use readrealm_server::fanout;
use readrealm_server::hub::Hub;
use readrealm_server::log::{Appender, EventLog};
use readrealm_server::room::actor;
use readrealm_server::room::ambient::Ambient;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dice::Dice;
use crate::faults::FaultyLog;
use crate::plan::Plan;
use crate::record::Recorder;

/// 2024-03-15T14:32:00Z.
const BEGINNING: i64 = 1_710_513_120_000;

/// One node, from its start to its end.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) services: Arc<Services>,
    pub(crate) dead: CancellationToken,
    stop_tail: CancellationToken,
}

/// A clock that runs with the simulation's, and chance from its seed.
#[derive(Debug)]
struct Simulated {
    recorder: Recorder,
    skew: i64,
    dice: Dice,
}

impl Ambient for Simulated {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(BEGINNING + i64::try_from(self.recorder.now()).unwrap() + self.skew)
    }

    fn pause(&self, millis: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.dice.between(*millis.start(), *millis.end()))
    }
}

impl Node {
    /// Starts the node of that index, for the so-manieth time.
    pub(crate) fn start(
        plan: &Plan,
        (index, incarnation): (usize, u64),
        log: Arc<dyn EventLog>,
        recorder: &Recorder,
        calm: CancellationToken,
    ) -> Arc<Self> {
        let part = 100 + index as u64 + 10 * incarnation;
        let dead = CancellationToken::new();
        let log: Arc<dyn EventLog> = Arc::new(FaultyLog {
            inner: log,
            epoch: Epoch::try_from("simulated").unwrap(),
            node: index,
            faults: plan.faults,
            outages: plan.outages.clone(),
            dice: Dice::new(plan.seed, part),
            recorder: recorder.clone(),
            late: Arc::default(),
            calm,
            dead: dead.clone(),
        });
        let tasks = TaskTracker::new();
        let services = actor::Services {
            log: Arc::clone(&log),
            appender: Appender::spawn(Arc::clone(&log), &tasks, Arc::default()),
            cluster: Arc::new(Alone),
            ambient: Arc::new(Simulated {
                recorder: recorder.clone(),
                skew: plan.skews[index],
                dice: Dice::new(plan.seed, 1_000 + part),
            }),
            metrics: Arc::default(),
        };
        let hub = Hub::new(services, tasks);
        let stop_tail = CancellationToken::new();
        tokio::spawn(fanout::follow(Arc::clone(&log), hub.clone(), stop_tail.clone()));
        let limits = Limits {
            outbox_bytes: plan.outbox_bytes,
            ping_interval: Duration::from_secs(25),
            idle_timeout: Duration::from_mins(1),
            ..Limits::off()
        };
        let services = Services {
            hub,
            log,
            auth: Auth::Claimed,
            users: UserLimits::new(&limits),
            limits,
            resumes: Resumes::default(),
            shutdown: CancellationToken::new(),
            next_connection: AtomicU64::new(1),
            metrics: Arc::default(),
        };
        Arc::new(Self {
            index,
            services: Arc::new(services),
            dead,
            stop_tail,
        })
    }

    /// From one moment to the next it does nothing more, whatever it was doing.
    pub(crate) fn die(&self) {
        self.dead.cancel();
        self.stop_tail.cancel();
    }

    /// Ends as a process does that is asked to: it closes its connections, and its rooms finish what they have.
    pub(crate) fn drain(&self) {
        self.services.shutdown.cancel();
        self.stop_tail.cancel();
        self.services.hub.close();
    }
}
