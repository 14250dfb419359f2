//! Runs cases one after the other.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    case::{Case, EntityIds, Fixture},
    failure::Failure,
    proxy::Proxy,
    report::Report,
    service::Service,
};

/// The time that the Cloudstate TCK gives a service for every message.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Runs cases against one service.
#[derive(Clone, Debug)]
pub struct Runner {
    service: Service,
    proxy: Option<Proxy>,
    patience: Duration,
}

/// How one case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The service did what it had to.
    Passed,
    /// The service did something else.
    Failed {
        /// What it did.
        failure: Failure,
        /// Everything that was said, in order.
        conversation: Vec<String>,
    },
    /// The service does not announce what the case needs.
    Skipped {
        /// Full names of the services that are missing.
        missing: Vec<&'static str>,
    },
}

impl Outcome {
    /// Whether the service did something wrong.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

/// A case and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// Title of the group.
    pub group: &'static str,
    /// Name of the case.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
}

/// What happens during a run, for those who watch.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// The case runs now.
    Started(&'a Case),
    /// The case has ended.
    Finished(&'a CaseResult),
}

impl Runner {
    /// A runner with the TCK's [`PATIENCE`].
    pub fn new(service: &Service) -> Self {
        Self {
            service: service.clone(),
            proxy: None,
            patience: PATIENCE,
        }
    }

    /// With this proxy in front of the service, for the cases that go through one. Without it they fail.
    #[must_use]
    pub fn through(self, proxy: &Proxy) -> Self {
        Self {
            proxy: Some(proxy.clone()),
            ..self
        }
    }

    /// Gives the service this time for every message.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Runs the cases in order, and tells `watch` of it.
    ///
    /// It ends in bounded time, whatever the service does: every wait for it is bounded.
    pub async fn run<'a>(
        &self,
        cases: impl IntoIterator<Item = &'a Case>,
        mut watch: impl FnMut(Progress<'_>),
    ) -> Report {
        let mut ids = EntityIds::default();
        let mut results = Vec::new();
        for case in cases {
            watch(Progress::Started(case));
            let started = Instant::now();
            let outcome = self.run_case(case, &mut ids).await;
            let result = CaseResult {
                group: case.group,
                name: case.name,
                outcome,
                duration: started.elapsed(),
            };
            watch(Progress::Finished(&result));
            results.push(result);
        }
        Report::new(results)
    }

    async fn run_case(&self, case: &Case, ids: &mut EntityIds) -> Outcome {
        let missing = case.missing(&self.service);
        if !missing.is_empty() {
            return Outcome::Skipped { missing };
        }
        let mut fixture =
            Fixture::new(&self.service, self.patience, ids.clone()).through(self.proxy.as_ref());
        if let Some(proxy) = &self.proxy {
            proxy.take_reports();
        }
        let verdict = case.run(&mut fixture).await;
        let conversation = fixture.conversation().lines();
        *ids = fixture.into_ids();
        match verdict {
            Ok(()) => Outcome::Passed,
            Err(failure) => Outcome::Failed {
                failure: self.with_reports(failure),
                conversation,
            },
        }
    }

    /// The failure, and what the proxy has to say of it.
    fn with_reports(&self, failure: Failure) -> Failure {
        let reports = self.proxy.as_ref().map(Proxy::take_reports);
        match reports {
            Some(reports) if !reports.is_empty() => {
                failure.detail("the proxy has reported to the service", reports)
            }
            _ => failure,
        }
    }
}
