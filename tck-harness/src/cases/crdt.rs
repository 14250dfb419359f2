//! Cases of the CRDT model, played directly on the service.

mod failures;
mod flag;
mod forwards;
mod gcounter;
mod gset;
mod lwwregister;
mod ormap;
mod orset;
mod pncounter;
mod streams;
mod vote;

use cloudstate::Service as _;
use cloudstate_protocol::version::CRDT;

use crate::{
    case::{Case, Fixture, check_passivation_timeout},
    crdt::{Step, play},
    failure::Verdict,
    pb::crdt::{CrdtConfigured, CrdtTckModel, CrdtTwo},
};

const GROUP: &str = "verifying model test: CRDT entity";
const MODEL: &str = CrdtTckModel::NAME;
const TWO: &str = CrdtTwo::NAME;
const CONFIGURED: &str = CrdtConfigured::NAME;

/// The cases of the group "verifying model test: CRDT entity".
pub(super) fn model() -> Vec<Case> {
    let mut cases = discovery();
    cases.extend(gcounter::cases());
    cases.extend(pncounter::cases());
    cases.extend(gset::cases());
    cases.extend(orset::cases());
    cases.extend(lwwregister::cases());
    cases.extend(flag::cases());
    cases.extend(ormap::cases());
    cases.extend(vote::cases());
    cases.extend(forwards::cases());
    cases.extend(failures::cases());
    cases.extend(streams::cases());
    cases
}

/// A case that is played on the model, with a CRDT of this kind.
fn case<const N: usize>(
    name: &'static str,
    kind: &'static str,
    steps: impl Fn(&str) -> [Step; N] + 'static,
) -> Case {
    let body =
        async move |tck: &mut Fixture| -> Verdict { play(tck, kind, |id| steps(id).into()).await };
    Case::new(GROUP, name, &[MODEL, TWO], body)
}

fn discovery() -> Vec<Case> {
    vec![
        Case::new(
            GROUP,
            "verify CRDT entity discovery",
            &[MODEL, TWO],
            async |tck| {
                tck.discovered(MODEL, CRDT)?;
                tck.discovered(TWO, CRDT)?;
                Ok(())
            },
        ),
        Case::new(
            GROUP,
            "verify CRDT configured entity",
            &[CONFIGURED],
            async |tck| check_passivation_timeout(100, tck.discovered(CONFIGURED, CRDT)?),
        ),
    ]
}
