//! `sim serve` and `sim init`: the simulated AWS as a process of its own.

use super::context::Context;
use super::files;
use crate::args::Sim;
use crate::exit::{Exit, Stop, chain};
use crate::scripts::Offer;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use wavetrain_sim::serve::{ServeError, serve};
use wavetrain_sim::world::World;
use wavetrain_sim::world_file::{MAX_BYTES, WorldFile};

/// The world that `sim init` writes, and that the README tells about.
const WORLD: &str = include_str!("../demo/init-world.yaml");

/// The plan file for it.
const PLAN: &str = include_str!("../demo/init-plan.yaml");

/// `wavetrain sim …`.
pub async fn run(context: &Context, command: Sim) -> Result<Exit, Stop> {
    match command {
        Sim::Serve { world, listen, speed } => serve_world(context, &world, listen, speed).await,
        Sim::Init { path } => init(context, &path),
    }
}

async fn serve_world(context: &Context, file: &Path, listen: SocketAddr, speed: f64) -> Result<Exit, Stop> {
    let mut world = world(file)?;
    let scripts = Offer::to(&mut world);
    let (sites, nodes) = (world.sites().len(), world.nodes().len());
    let handle = serve(world, listen, speed).await.map_err(|error| {
        let exit = match &error {
            ServeError::NotLoopback(_) | ServeError::Speed(_) => Exit::Usage,
            ServeError::Bind { .. } => Exit::Unexpected,
        };
        Stop::new(exit, chain(&error))
    })?;
    context.console.json_line(&json!({
        "version": crate::print::JSON_VERSION,
        "endpoint": handle.endpoint_url,
        "sites": sites,
        "nodes": nodes,
        "speed": speed,
        "scripts": scripts.word(),
    }))?;
    match scripts {
        Offer::Unasked | Offer::Real => {}
        Offer::Modelled(reason) => context.console.note(&format!(
            "this machine has no sandbox ({reason}): `scripts: real` is not heeded, all scripts are modelled"
        )),
    }
    context.console.note(&format!(
        "serving {nodes} nodes in {sites} sites at {url}; in another terminal:\n  \
         export AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_REGION=us-east-1 WAVETRAIN_SIM_CLOCK=auto\n  \
         wavetrain plan FILE\nthe truth is at {url}/_sim/nodes; end with Ctrl-C",
        url = handle.endpoint_url,
    ));
    interrupted().await;
    handle.shutdown().await;
    Ok(Exit::Done)
}

/// Reads a world file.
pub fn world(file: &Path) -> Result<World, Stop> {
    let bytes = files::bytes(file, MAX_BYTES)?;
    let invalid = |why: String| Stop::new(Exit::InvalidFile, format!("{}: {why}", file.display()));
    let text = String::from_utf8(bytes).map_err(|_| invalid("not UTF-8 text".to_owned()))?;
    let parsed = WorldFile::parse(&text).map_err(|error| invalid(error.to_string()))?;
    World::new(&parsed).map_err(|error| invalid(error.to_string()))
}

fn init(context: &Context, path: &Path) -> Result<Exit, Stop> {
    let failed = |what: &Path, error: &std::io::Error| {
        Stop::new(Exit::Unexpected, format!("cannot write {}: {error}", what.display()))
    };
    std::fs::create_dir_all(path).map_err(|error| failed(path, &error))?;
    let files = [(path.join("world.yaml"), WORLD), (path.join("plan.yaml"), PLAN)];
    if let Some((there, _)) = files.iter().find(|(file, _)| file.exists()) {
        return Err(Stop::new(Exit::Refused, format!("{} is there already", there.display()))
            .help("name another directory, or move the file away; nothing was written"));
    }
    for (file, text) in &files {
        // Never over a file that appeared in between.
        let created = std::fs::File::options().write(true).create_new(true).open(file);
        let written = created.and_then(|mut opened| std::io::Write::write_all(&mut opened, text.as_bytes()));
        written.map_err(|error| failed(file, &error))?;
        context.console.data(&file.display().to_string())?;
    }
    context
        .console
        .note(&format!("now: wavetrain sim serve --world {} --speed 300", path.join("world.yaml").display()));
    Ok(Exit::Done)
}

/// Returns at the first SIGINT or SIGTERM.
pub async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // A process that cannot hear signals is ended by other means; waiting for ever is right then.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_init_writes_are_valid() {
        let file = WorldFile::parse(WORLD).expect("the world file parses");
        World::new(&file).expect("the world can be built");
        let outcome = wavetrain_spec::read("plan.yaml", PLAN.as_bytes());
        assert!(outcome.rollout.is_some(), "{}", wavetrain_spec::render(&outcome.report));
    }

    #[test]
    fn the_example_worlds_can_be_built_and_explain_themselves() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/worlds");
        let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 3, "{files:?}");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.starts_with('#'), "{} opens without a word", file.display());
            let built = world(&file);
            assert!(built.is_ok(), "{}: {:?}", file.display(), built.err());
        }
    }
}
