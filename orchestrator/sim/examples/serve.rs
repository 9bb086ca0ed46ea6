//! Serves a world file on loopback until interrupted: `cargo run -p wavetrain-sim --example serve -- WORLD [SPEED]`.
//!
//! For trying the door with clients of one's own; `wavetrain sim serve` is the same with more comfort.

use std::error::Error;
use std::net::SocketAddr;
use std::{env, fs};

use wavetrain_sim::serve::serve;
use wavetrain_sim::world::World;
use wavetrain_sim::world_file::WorldFile;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("usage: serve WORLD [SPEED]")?;
    let speed = arguments.next().map_or(Ok(60.0), |speed| speed.parse())?;
    let world = World::new(&WorldFile::parse(&fs::read_to_string(path)?)?)?;
    let any_port: SocketAddr = ([127, 0, 0, 1], 0).into();
    let handle = serve(world, any_port, speed).await?;
    #[expect(clippy::print_stdout, reason = "the endpoint is this program's output")]
    {
        println!("{}", handle.endpoint_url);
    }
    tokio::signal::ctrl_c().await?;
    handle.shutdown().await;
    Ok(())
}
