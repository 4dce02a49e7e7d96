//! A worker's program for the tests: as a prover child its one prover does what its input says, however
//! bad; as a worker it proves one input and can be killed meanwhile.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};
use proving::context::ProveContext;
use proving::error::ProveError;
use proving::kind::Kind;
use proving::prover::{Proof, Prover};
use proving::statement::{KeyDigest, Mode, Statement};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use worker::child::run_child;
use worker::counters::Counters;
use worker::prover::{ChildConfig, ProverChild, Request, Standing};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["child"] => run_child(|| Ok(vec![Arc::new(Toy)]), |_| Ok(())),
        ["child", "slow"] => run_child(
            || Ok(vec![Arc::new(Toy)]),
            |_| {
                std::thread::sleep(Duration::from_secs(3600));
                Ok(())
            },
        ),
        ["child", "keyless"] => run_child(|| Err(ProveError::worker("the key is not there")), |_| Ok(())),
        ["child", "untrue"] => run_child(|| Ok(vec![Arc::new(Toy)]), |_| Err(ProveError::worker("1 + 1 is 3"))),
        ["child", "fragile"] => run_child(|| panic!("no keys today"), |_| Ok(())),
        ["worker", input] => work(input),
        _ => ExitCode::from(64),
    }
}

/// What every toy is proved under.
fn kind() -> Kind {
    "toy.run".parse().expect("it is a kind")
}

fn statement() -> Statement {
    Statement::of_key(Mode::Test, KeyDigest::of(b"toy"))
}

#[tokio::main(flavor = "current_thread")]
async fn work(input: &str) -> ExitCode {
    let program = std::env::current_exe().expect("it runs");
    let counters = Counters::new(None).expect("they are new");
    let child = ProverChild::start(ChildConfig::new(program, ["child"]), counters).await.expect("it starts");
    let request = Request {
        kind: kind(),
        statement: statement(),
        input: input.to_owned().into(),
        needs: Vec::new(),
        secret: false,
        task: None,
    };
    let (standing, mut seen) = watch::channel(Standing::default());
    let proving = tokio::spawn(async move { child.prove(request, CancellationToken::new(), standing).await });
    // The first stage of a toy is its process id, which is what the test waits for.
    if let Ok(standing) = seen.wait_for(|standing| !standing.stage.is_empty()).await {
        println!("{}", standing.stage);
    }
    let attempt = proving.await.expect("it does not panic");
    if attempt.outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Toy;

impl Prover for Toy {
    fn kind(&self) -> Kind {
        kind()
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        Ok(statement())
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        let text = String::from_utf8_lossy(input).into_owned();
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let number = rest.parse().unwrap_or(0);
        context.step(&std::process::id().to_string(), 0, 0)?;
        match word {
            "echo" => {}
            "sleep" => sleep(Duration::from_millis(number), context)?,
            "stubborn" => std::thread::sleep(Duration::from_millis(number)),
            "panic" => panic!("the toy broke: {rest}"),
            "exit" => std::process::exit(number as i32),
            "abort" => std::process::abort(),
            "killed" => {
                let _ = raise(Signal::SIGKILL);
            }
            // As if the kernel did it: the file that it counts its kills in, then the kill.
            "oom" => {
                std::fs::write(rest, "oom_kill 1\n").expect("the test made it");
                let _ = raise(Signal::SIGKILL);
            }
            "allocate" => allocate(number),
            "spin" => spin(Duration::from_millis(number)),
            "print" => print!("{rest}"),
            "println" => {
                println!("{rest}");
                std::thread::sleep(Duration::from_secs(60));
            }
            "magic" => {
                let lie = [&b"MZp1"[..], &u32::MAX.to_le_bytes(), b"lie"].concat();
                std::io::stdout().write_all(&lie).and_then(|()| std::io::stdout().flush()).expect("it is open");
            }
            "stderr" => eprintln!("{rest}"),
            "steps" => {
                for step in 0..=number {
                    context.step("steps", step, number)?;
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            "invalid" => return Err(ProveError::invalid_input("nothing follows from it")),
            "fail" => return Err(ProveError::worker("the disk is full").with_source(rest)),
            "large" => return Err(ProveError::resources("4 GiB needed, 2 GiB here")),
            "foreign" => return Ok(Proof::new(Kind::EVM_BLOCK, Vec::new())),
            "long" => return Ok(Proof::new(kind(), vec![7; number as usize])),
            _ => return Err(ProveError::invalid_input(format!("a toy cannot {word}"))),
        }
        let bytes: Vec<u8> = needs.iter().copied().chain([rest.as_bytes()]).flatten().copied().collect();
        Ok(Proof::new(kind(), bytes))
    }
}

fn sleep(time: Duration, context: &ProveContext) -> Result<(), ProveError> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        context.step(&std::process::id().to_string(), 0, 0)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Takes so many MiB, slowly enough to be seen, and keeps them.
fn allocate(mib: u64) {
    let mut taken = Vec::new();
    for _ in 0..mib {
        taken.push(vec![1u8; 1 << 20]);
        std::hint::black_box(&taken);
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_secs(60));
}

fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}
