//! Options of an entity.

use std::time::Duration;

use darling::util::SpannedValue;
use syn::{Ident, ItemStruct};

use crate::{
    attrs::{EntityOptions, PathOption, crate_path},
    errors::Errors,
    model::{Entity, Service, SnapshotEvery},
};

/// An entity of what its options say, and of their defaults where they say nothing that can be used.
pub(crate) fn entity(options: EntityOptions, item: ItemStruct, errors: &mut Errors) -> Entity {
    Entity {
        krate: crate_path(options.krate.as_ref()),
        service: service(&options, errors),
        persistence_id: persistence_id(options.persistence_id.as_ref(), &item.ident, errors),
        snapshot_every: options
            .snapshot_every
            .and_then(|every| snapshot_every(&every, errors)),
        passivate_after: options
            .passivate_after
            .and_then(|time| passivate_after(&time, errors)),
        register: options.register.unwrap_or(true),
        item,
    }
}

fn service(options: &EntityOptions, errors: &mut Errors) -> Result<Service, syn::Error> {
    match (&options.service, &options.extern_service) {
        (Some(PathOption(path)), None) => Ok(Service {
            path: path.clone(),
            local: true,
        }),
        (None, Some(PathOption(path))) => Ok(Service {
            path: path.clone(),
            local: false,
        }),
        (Some(PathOption(path)), Some(PathOption(other))) => {
            errors.at(
                other,
                "an entity implements one service: remove `service` or `extern_service`",
            );
            Ok(Service {
                path: path.clone(),
                local: false,
            })
        }
        (None, None) => Err(syn::Error::new(
            proc_macro2::Span::call_site(),
            "which service does the entity implement? write `#[event_sourced_entity(service = pb::YourService)]`",
        )),
    }
}

fn persistence_id(
    option: Option<&SpannedValue<String>>,
    name: &Ident,
    errors: &mut Errors,
) -> String {
    let Some(id) = option else {
        return name.to_string();
    };
    if id.is_empty() {
        let message =
            format!("a persistence id is not empty: leave it out, and it is `{name}`, or name one");
        errors.push(syn::Error::new(id.span(), message));
    } else if let Some(wrong) = id.chars().find(|&c| c == '|' || c.is_control()) {
        let message = format!(
            "a persistence id contains no {wrong:?}: it would not be told apart from the entity's id in the journal; \
             letters, digits and `-` are safe"
        );
        errors.push(syn::Error::new(id.span(), message));
    }
    id.as_ref().clone()
}

fn snapshot_every(every: &SpannedValue<u64>, errors: &mut Errors) -> Option<SnapshotEvery> {
    let (events, span) = (**every, every.span());
    if events == 0 {
        errors.push(syn::Error::new(
            span,
            "a number of events, from 1: leave `snapshot_every` out for no snapshots",
        ));
        return None;
    }
    Some(SnapshotEvery { events, span })
}

fn passivate_after(time: &SpannedValue<String>, errors: &mut Errors) -> Option<Duration> {
    let parsed = duration(time);
    if parsed.is_none() {
        errors.push(syn::Error::new(
            time.span(),
            "a time is a whole number above 0 and a unit, `ms`, `s`, `m` or `h`: write `\"30s\"`",
        ));
    }
    parsed
}

/// `100ms`, `30s`, `5m` or `1h`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok().filter(|&number| number > 0)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, millis) in [
            ("100ms", 100),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "30",
            "s",
            "0s",
            "30 s",
            "-1s",
            "1.5h",
            "30S",
            "1d",
            "99999999999999999999s",
            "9999999999999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
