//! `footprint`: what the programs weigh, and what they take when nothing happens.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    Error,
    live::{self, Kind},
    load,
    plan::Bench,
    program,
    report::Table,
    server::{Launch, Server, Store},
};

/// Measures the sizes of the programs, and the memory of idle ones.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let cart = bench.cart()?;
    let sidecar = bench.program(program::SIDECAR)?;
    let mut sizes = Table::new("Programs");
    for (name, program) in [("cart", cart), ("cloudstate-proxy", &*sidecar)] {
        sizes.record(name, &[("MB", megabytes(program)?)]);
        if let Some(stripped) = stripped(program, bench.directory())? {
            sizes.record(name, &[("stripped MB", stripped)]);
        }
    }
    let mut table = Table::new(format!(
        "Memory and start, idle and with {} live entities",
        bench.plan.entities
    ));
    for round in bench.rounds("footprint") {
        for name in ["embedded", "sidecar"] {
            let _ = fs::remove_dir_all(bench.directory().join(name));
        }
        let directory = |name| Store::Directory(bench.directory().join(name));
        let launches = [
            Launch::cart("cart, memory", cart, &Store::Memory),
            Launch::cart("cart, SQLite", cart, &directory("embedded")),
            Launch::user_function("cart, user function", cart),
            Launch::sidecar(
                "cart, SQLite, sidecar",
                &sidecar,
                cart,
                &directory("sidecar"),
            ),
        ];
        for (launch, has_front_end) in launches.iter().zip([true, true, false, true]) {
            // Their memory does not vary between rounds, and it takes seconds to make them live.
            let with_entities = has_front_end && round == 0;
            measure(bench, launch, with_entities, &mut table)?;
        }
    }
    Ok(vec![sizes, table])
}

fn measure(
    bench: &Bench,
    launch: &Launch,
    with_entities: bool,
    table: &mut Table,
) -> Result<(), Error> {
    let started = Instant::now();
    let server = Server::start(&live::staying(launch.clone(), bench), bench.directory())?;
    let ready = started.elapsed();
    let name = server.name();
    let megabytes = || Ok::<_, Error>(server.memory()? as f64 / 1e6);
    let of_it = || match server.user_function() {
        Some(behind) => Ok::<_, Error>(Some(behind.memory()? as f64 / 1e6)),
        None => Ok(None),
    };
    table.record(
        name,
        &[
            ("ready ms", ready.as_secs_f64() * 1e3),
            ("idle MB", megabytes()?),
        ],
    );
    if let Some(idle) = of_it()? {
        table.record(name, &[("of it user function MB", idle)]);
    }
    if with_entities {
        let entities = bench.plan.entities.get();
        load::runtime(1)?.block_on(live::activate(&server, Kind::EventSourced, 0..entities))?;
        table.record(name, &[("with entities MB", megabytes()?)]);
        if let Some(live) = of_it()? {
            table.record(name, &[("of it user function, with entities MB", live)]);
        }
    }
    server.stop()
}

/// The size without symbols; `None` where there is no `strip`.
fn stripped(program: &Path, directory: &Path) -> Result<Option<f64>, Error> {
    let copy = directory.join("stripped");
    let strip = Command::new("strip")
        .arg("-o")
        .args([&*copy, program])
        .stderr(Stdio::null())
        .status();
    if !strip.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let size = megabytes(&copy)?;
    fs::remove_file(&copy).map_err(Error::io(format!("remove {}", copy.display())))?;
    Ok(Some(size))
}

fn megabytes(file: &Path) -> Result<f64, Error> {
    let metadata = fs::metadata(file);
    let metadata = metadata.map_err(Error::io(format!("look at {}", file.display())))?;
    Ok(metadata.len() as f64 / 1e6)
}
