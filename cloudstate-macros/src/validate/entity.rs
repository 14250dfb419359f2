//! Options of an entity.

use std::mem;

use darling::util::SpannedValue;
use proc_macro2::Span;
use syn::{DeriveInput, Ident, ItemStruct, Path, Token, punctuated::Punctuated};

use super::replicated;
use crate::{
    attrs::{CratePath, EntityOptions, PathOption},
    errors::Errors,
    json,
    model::{Entity, EntityKind, Json, Service, SnapshotEvery},
};

/// An entity of what its options say, and of their defaults where they say nothing that can be used.
pub(crate) fn entity(
    kind: EntityKind,
    options: EntityOptions,
    mut item: ItemStruct,
    errors: &mut Errors,
) -> Entity {
    of_its_kind(kind, &options, errors);
    let service = service(
        ("entity", kind.attribute()),
        options.service.as_ref(),
        options.extern_service.as_ref(),
        errors,
    );
    // Where a CRDT entity is kept, it goes by its service, as with the protocol's other SDKs.
    let name = match (kind, &service) {
        (EntityKind::Crdt, Ok(Service { path, .. })) => {
            path.segments.last().map_or(&item.ident, |last| &last.ident)
        }
        _ => &item.ident,
    };
    let persistence_id = persistence_id(options.persistence_id.as_ref(), name, errors);
    let krate = CratePath::new(options.krate.clone());
    Entity {
        json: stored_form(&options, &mut item, errors),
        kind,
        replicated: replicated::field(kind, &mut item, &krate, errors),
        service,
        krate,
        persistence_id,
        snapshot_every: options.snapshot_every.map(|every| SnapshotEvery {
            events: every.0,
            span: every.span(),
        }),
        passivate_after: options
            .passivate_after
            .and_then(|time| passivate_after(&time, errors)),
        register: options.register.unwrap_or(true),
        init: options.init.map(|PathOption(path)| path),
        item,
    }
}

/// Refuses options that entities of this kind do not have.
fn of_its_kind(kind: EntityKind, options: &EntityOptions, errors: &mut Errors) {
    if let Some(every) = &options.snapshot_every {
        let why = match kind {
            EntityKind::EventSourced => None,
            EntityKind::Value => Some("stores its state with every command that changes it"),
            EntityKind::Crdt => Some("is kept as the replicated value that it is"),
        };
        if let Some(why) = why {
            let message = format!("{} {why}: remove `snapshot_every`", kind.noun());
            errors.push(syn::Error::new(every.span(), message));
        }
    }
    if kind != EntityKind::Value
        && let Some(json) = &options.json
    {
        let message = format!(
            "{} is not stored as a whole: remove `json`, and write `#[derive(Json)]` above the types that it stores",
            kind.noun()
        );
        errors.push(syn::Error::new(json.span(), message));
    }
}

/// How a struct with the option `json` is stored, by `#[json(..)]` attributes that are then removed: they belong to the
/// derive macro, which may be there instead.
fn stored_form(
    options: &EntityOptions,
    item: &mut ItemStruct,
    errors: &mut Errors,
) -> Option<Json> {
    let span = options.json.as_ref()?.span();
    if derives_json(item) {
        return Some(Json { span, stored: None });
    }
    let stored = json::validate(&DeriveInput::from(item.clone()), errors);
    item.attrs
        .retain(|attribute| !attribute.path().is_ident("json"));
    let krate = CratePath::new(options.krate.clone());
    let stored = stored.map(|stored| stored.within(krate));
    Some(Json { span, stored })
}

fn derives_json(item: &ItemStruct) -> bool {
    let derives = item
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"));
    derives
        .filter_map(|derive| {
            derive
                .parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
                .ok()
        })
        .flatten()
        .any(|path| {
            path.segments
                .last()
                .is_some_and(|last| last.ident == "Json")
        })
}

/// The service that `noun`, a struct with `attribute`, implements.
pub(super) fn service(
    (noun, attribute): (&str, &str),
    service: Option<&PathOption>,
    extern_service: Option<&PathOption>,
    errors: &mut Errors,
) -> Result<Service, Errors> {
    match (service, extern_service) {
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
                format!("an {noun} implements one service: remove `service` or `extern_service`"),
            );
            Ok(Service {
                path: path.clone(),
                local: false,
            })
        }
        // With other mistakes in the attribute, the service may be one of them.
        (None, None) if !errors.is_empty() => Err(mem::take(errors)),
        (None, None) => Err(syn::Error::new(
            Span::call_site(),
            format!(
                "which service does the {noun} implement? write `#[{attribute}(service = pb::YourService)]`"
            ),
        )
        .into()),
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

fn passivate_after(time: &SpannedValue<String>, errors: &mut Errors) -> Option<u64> {
    let parsed = milliseconds(time);
    let message = match parsed {
        Some(0..=MAX_PASSIVATE_AFTER) => return parsed,
        Some(_) => {
            "an idle entity stays in memory for `\"720h\"` at most, which is 30 days: the timers of proxies reach no \
             further"
        }
        None => {
            "a time is a whole number above 0 and a unit, `ms`, `s`, `m` or `h`: write `\"30s\"`"
        }
    };
    errors.push(syn::Error::new(time.span(), message));
    None
}

/// 30 days, in milliseconds.
const MAX_PASSIVATE_AFTER: u64 = 30 * 24 * 3_600_000;

/// `100ms`, `30s`, `5m` or `1h`, in milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
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
    // Beyond all bounds is too long, too.
    Some(number.saturating_mul(millis))
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
            ("720h", MAX_PASSIVATE_AFTER),
            ("9999999999999999h", u64::MAX),
        ] {
            assert_eq!(milliseconds(text), Some(millis), "{text}");
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
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
