//! Flags before or after the subcommand: the leader's own are taken in both places, as people write them.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// Moves the parent's flags that stand after a subcommand in front of it, unless the subcommand has a flag of that
/// name itself. What nobody knows stays where it is, for clap to complain about.
pub fn in_front(command: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(at) = subcommand_at(command, &arguments) else { return arguments };
    let Some(sub) = command.find_subcommand(&arguments[at]) else { return arguments };
    let (mut front, mut back) = (arguments[..at].to_vec(), vec![arguments[at].clone()]);
    let mut rest = arguments[at + 1..].iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            back.push(word.clone());
            back.extend(rest.cloned());
            break;
        }
        let theirs = find(sub, word);
        let ours = find(command, word).filter(|_| theirs.is_none());
        let place = if ours.is_some() { &mut front } else { &mut back };
        place.push(word.clone());
        if ours.or(theirs).is_some_and(|(arg, alone)| alone && takes_value(arg)) {
            place.extend(rest.next().cloned());
        }
    }
    front.extend(back);
    front
}

/// Where the subcommand's name stands: the first word that is neither a flag nor the value of one.
fn subcommand_at(command: &Command, arguments: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while at < arguments.len() {
        let word = &arguments[at];
        if command.find_subcommand(word).is_some() {
            return Some(at);
        }
        let with_value = find(command, word).is_some_and(|(arg, alone)| alone && takes_value(arg));
        at += if with_value { 2 } else { 1 };
    }
    None
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// The flag that a word is, and whether its value, if it takes one, is another word.
fn find<'a>(command: &'a Command, word: &OsString) -> Option<(&'a Arg, bool)> {
    let word = word.to_str()?;
    if let Some(long) = word.strip_prefix("--") {
        let (name, alone) = long.split_once('=').map_or((long, true), |(name, _)| (name, false));
        let named = |arg: &&Arg| {
            arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
        };
        return command.get_arguments().find(named).map(|arg| (arg, alone));
    }
    let mut letters = word.strip_prefix('-')?.chars();
    let letter = letters.next()?;
    let arg = command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
    Some((arg, letters.as_str().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Command::new("leader")
            .arg(Arg::new("runtime").long("runtime").short('r'))
            .arg(Arg::new("keep").long("keep").short('k').action(ArgAction::SetTrue))
            .arg(Arg::new("serializer").long("serializer").short('s'))
            .subcommand(Command::new("stdio").arg(Arg::new("previous").long("previous-proof").short('f')))
            .subcommand(Command::new("rpc").arg(Arg::new("start").long("start-block").short('s')))
    }

    fn moved(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let moved: Vec<_> = in_front(&command(), words).into_iter().map(|word| word.into_string().unwrap()).collect();
        moved.join(" ")
    }

    #[test]
    fn flags_of_the_parent_are_moved_in_front_of_the_subcommand() {
        assert_eq!(moved("leader stdio --runtime=amqp"), "leader --runtime=amqp stdio");
        assert_eq!(moved("leader stdio -k --runtime amqp -f p.json"), "leader -k --runtime amqp stdio -f p.json");
        assert_eq!(moved("leader -k stdio -r amqp"), "leader -k -r amqp stdio");
    }

    #[test]
    fn flags_of_the_subcommand_stay_with_it() {
        assert_eq!(moved("leader rpc -s 5"), "leader rpc -s 5");
        assert_eq!(moved("leader stdio -s cbor"), "leader -s cbor stdio");
        assert_eq!(moved("leader stdio --previous-proof --runtime"), "leader stdio --previous-proof --runtime");
    }

    #[test]
    fn a_value_is_not_taken_for_the_subcommand() {
        assert_eq!(moved("leader --runtime stdio rpc -k"), "leader --runtime stdio -k rpc");
    }

    #[test]
    fn what_nobody_knows_stays_where_it_is() {
        assert_eq!(moved("leader stdio --unknown -k"), "leader -k stdio --unknown");
        assert_eq!(moved("leader --unknown"), "leader --unknown");
        assert_eq!(moved("leader stdio -- -k"), "leader stdio -- -k");
    }
}
