//! One run: two processes are started, led through the work and ended, whatever happens.

use std::{
    error::Error,
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    Measured, Plan, System, Work,
    child::Part,
    line::{CLIENTS, Order, Report, SERVER, Settings, Told},
    shared::{SharedFile, Total},
};

/// How long both sides may take until the work can begin.
const STARTING: Duration = Duration::from_secs(30);
/// How long a transfer may take.
const TRANSFERRING: Duration = Duration::from_secs(600);
/// How long a report may take beyond the 2 s for what is under way.
const REPORTING: Duration = Duration::from_secs(10);
/// How often whoever watches is told, and asked.
const LOOK: Duration = Duration::from_millis(50);

/// Where a run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// The server starts and clients join.
    Joining,
    /// The work is done and measured.
    Working,
    /// No new work is done; what is under way has up to 2 s.
    Ending,
}

/// How a run is going.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Where it is.
    pub stage: Stage,
    /// How long it has been there.
    pub elapsed: Duration,
    /// Clients that have joined so far.
    pub joined: u64,
    /// Messages that came so far, both ways.
    pub messages: u64,
}

/// Whoever watches a run; any closure that takes [`Progress`] does.
pub trait Watch {
    /// Is told now and then.
    fn progress(&mut self, progress: Progress);

    /// Says where clients shall join, given where the server is: where a relay stands between.
    ///
    /// # Errors
    ///
    /// If they can join nowhere; the run ends with it.
    fn served(&mut self, address: &str) -> Result<String> {
        Ok(address.to_owned())
    }

    /// Whether the run shall end now, with what was measured so far.
    fn is_stopped(&mut self) -> bool {
        false
    }
}

impl<F: FnMut(Progress)> Watch for F {
    fn progress(&mut self, progress: Progress) {
        self(progress);
    }
}

/// A side broke when the work had begun.
#[derive(Debug)]
#[non_exhaustive]
pub struct BrokeOff {
    /// What happened.
    pub why: anyhow::Error,
    /// No figures, and the same in [`Measured::broken`].
    pub measured: Box<Measured>,
}

impl fmt::Display for BrokeOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.why)
    }
}

impl Error for BrokeOff {}

/// Does the work of `plan` on a system and measures it.
///
/// Takes up to 30 s to start, the plan's time, and up to 2 s for what is under way; no process
/// outlives it. Both run this program, whose `main` calls [`crate::part()`] first.
///
/// # Errors
///
/// If the plan cannot be done with this system, a side cannot start or broke, or not all clients
/// joined in those 30 s, unless joining is the work: then it is in [`Measured::broken`]. It is a
/// [`BrokeOff`] where the work had begun.
pub fn measure(system: &dyn System, plan: &Plan, watch: &mut dyn Watch) -> Result<Measured> {
    plan.check(system)?;
    let (shared, begun) = (SharedFile::create(plan.clients)?, Instant::now());
    let mut run = Run { plan, watch, shared, begun, has_begun: false, late: None };
    let reports = run.both(system);
    let (has_begun, late) = (run.has_begun, run.late);
    let of = |(server, client), broken: Option<String>| {
        let mut measured = Measured::of(plan, server, client);
        measured.broken.extend(broken);
        measured
    };
    match reports {
        Ok(reports) => Ok(of(reports.unwrap_or_default(), late)),
        Err(error) if has_begun => {
            let measured = of(Default::default(), Some(format!("{error:#}")));
            Err(BrokeOff { why: error, measured: Box::new(measured) }.into())
        }
        Err(error) => Err(error),
    }
}

struct Run<'a> {
    plan: &'a Plan,
    watch: &'a mut dyn Watch,
    shared: SharedFile,
    begun: Instant,
    /// The work has begun.
    has_begun: bool,
    /// How many clients had joined when there was no more time for it.
    late: Option<String>,
}

impl Run<'_> {
    /// What the server and the clients saw; `None` if it was stopped before it began.
    fn both(&mut self, system: &dyn System) -> Result<Option<(Report, Report)>> {
        let mut settings = Settings {
            system: system.name().to_owned(),
            plan: *self.plan,
            shared: self.shared.path().to_owned(),
            address: None,
        };
        let mut server = Part::start(SERVER, &settings)?;
        let served = self.until_told(&mut server, |told| match told {
            Told::Serving(address) => Some(address),
            Told::Ready | Told::Done | Told::Report(_) | Told::Failed(_) => None,
        })?;
        let Some(address) = served else { return Ok(None) };
        settings.address = Some(self.watch.served(&address)?);
        let mut clients = Part::start(CLIENTS, &settings)?;
        let ready =
            self.until_told(&mut clients, |told| matches!(told, Told::Ready).then_some(()))?;
        self.shared.unlink();
        let is_joining = matches!(self.plan.work, Work::Connect);
        if ready.is_none() || !(is_joining || self.until_met(&mut server, &mut clients)?) {
            return Ok(None);
        }
        server.order(Order::Go)?;
        clients.order(Order::Go)?;
        self.has_begun = true;
        self.work(&mut server, &mut clients)?;
        clients.order(Order::Stop)?;
        server.order(Order::Stop)?;
        self.look(Stage::Ending);
        let client = clients.report(REPORTING)?;
        server.order(Order::End)?;
        let server = server.report(REPORTING)?;
        clients.order(Order::End)?;
        Ok(Some((server, client)))
    }

    /// What a part tells when it is as far as that; `None` if the run is stopped meanwhile.
    fn until_told<T>(
        &mut self,
        part: &mut Part,
        wanted: impl Fn(Told) -> Option<T>,
    ) -> Result<Option<T>> {
        while self.begun.elapsed() < STARTING {
            if let Some(found) = part.hear(LOOK)?.and_then(&wanted) {
                return Ok(Some(found));
            }
            if self.look(Stage::Joining) {
                return Ok(None);
            }
        }
        bail!(self.too_few(Total::Joined))
    }

    /// Waits until the server too has heard of all clients: one may be in, as it sees it, while
    /// what the server has to do for that still waits. False if the run is stopped meanwhile.
    fn until_met(&mut self, server: &mut Part, clients: &mut Part) -> Result<bool> {
        while self.shared.total(Total::Met) < self.plan.clients as u64 {
            if self.begun.elapsed() >= STARTING {
                bail!("{}, as the server sees it", self.too_few(Total::Met));
            }
            if self.look(Stage::Joining) {
                return Ok(false);
            }
            // Nothing is expected of them but that they do not fail.
            server.hear(LOOK)?;
            clients.hear(Duration::ZERO)?;
        }
        Ok(true)
    }

    /// Lets both work for as long as the plan says.
    fn work(&mut self, server: &mut Part, clients: &mut Part) -> Result<()> {
        self.begun = Instant::now();
        let is_joining = matches!(self.plan.work, Work::Connect);
        let (least, most) = match self.plan.work {
            Work::Connect => (Duration::ZERO, STARTING),
            Work::Transfer { .. } => (self.plan.time, TRANSFERRING.max(self.plan.time)),
            Work::Flow { .. } | Work::Echo { .. } | Work::Game(_) | Work::Idle => {
                (self.plan.time, self.plan.time)
            }
        };
        let mut is_done = false;
        while let Some(left) = most.checked_sub(self.begun.elapsed()) {
            is_done |= matches!(clients.hear(LOOK.min(left))?, Some(Told::Done));
            if self.look(Stage::Working) || (is_done && self.begun.elapsed() >= least) {
                return Ok(());
            }
            // Nothing is expected of it but that it does not fail.
            server.hear(Duration::ZERO)?;
        }
        self.late = is_joining.then(|| self.too_few(Total::Joined));
        Ok(())
    }

    /// Not all clients joined in time.
    fn too_few(&self, total: Total) -> String {
        let joined = self.shared.total(total);
        format!("{joined} of {} clients joined within {STARTING:?}", self.plan.clients)
    }

    /// Tells whoever watches; whether they want it to end.
    fn look(&mut self, stage: Stage) -> bool {
        self.watch.progress(Progress {
            stage,
            elapsed: self.begun.elapsed(),
            joined: self.shared.total(Total::Joined),
            messages: self.shared.total(Total::Up) + self.shared.total(Total::Down),
        });
        self.watch.is_stopped()
    }
}
