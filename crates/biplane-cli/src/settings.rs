//! The impairments as flags: one for each setting of a profile, and its forms for one direction.

use anyhow::{Result, ensure};
use biplane_sim::{Profile, Setting};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, parser::ValueSource};

const HEADING: &str = "Impairments";
/// A network that does nothing.
const PERFECT: &str = "delay=0s";
/// What both say how much one direction carries.
const TRACES_AND_RATES: [(&str, &str); 2] = [("trace-up", "up-rate"), ("trace-down", "down-rate")];
const DIRECTIONS: [(&str, &str); 2] = [("up", "server"), ("down", "client")];

/// What was set, by name, those of one direction last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(Vec<(String, String)>);

impl Settings {
    /// The profile called `name`, or a perfect one, with what was set.
    pub(crate) fn profile(&self, name: Option<&str>) -> Result<Profile> {
        for (trace, rate) in TRACES_AND_RATES {
            let is_set = |wanted| self.0.iter().any(|(name, _)| name == wanted);
            ensure!(!is_set(trace) || !is_set(rate), "{trace} and {rate} exclude each other");
        }
        let settings = self.0.iter().map(|(name, value)| (&**name, &**value));
        Ok(Profile::with(name.unwrap_or(PERFECT), settings)?)
    }
}

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        let both = Setting::ALL.iter().map(|setting| argument(setting, setting.name.to_owned()));
        let one = one_way().map(|(setting, name, end)| {
            let help = format!("The same towards the {end} alone");
            argument(setting, name).help(help).hide_short_help(true)
        });
        command.args(both.chain(one).map(|argument| argument.help_heading(HEADING)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let both = Setting::ALL.iter().map(|setting| (setting, setting.name.to_owned()));
        let all = both.chain(one_way().map(|(setting, name, _)| (setting, name)));
        let given =
            all.filter(|(_, name)| matches.value_source(name) == Some(ValueSource::CommandLine));
        Ok(Self(
            given
                .map(|(setting, name)| {
                    let value = match setting.value.is_some() || setting.takes_direction() {
                        true => matches.get_one::<String>(&name).cloned().unwrap_or_default(),
                        false => String::new(),
                    };
                    (name, value)
                })
                .collect(),
        ))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Each setting that may hold for one direction, by its names there, and the end it goes to.
fn one_way() -> impl Iterator<Item = (&'static Setting, String, &'static str)> {
    let directional = Setting::ALL.iter().filter(|setting| setting.is_directional);
    directional.flat_map(|setting| {
        DIRECTIONS.map(|(way, end)| (setting, format!("{way}-{}", setting.name), end))
    })
}

fn argument(setting: &Setting, name: String) -> Arg {
    let argument = Arg::new(name.clone()).long(name).help(setting.help);
    match setting.value {
        Some(value) => argument.value_name(value).action(ArgAction::Set),
        None if setting.takes_direction() => {
            let argument = argument.num_args(0..=1).require_equals(true);
            argument.default_missing_value("both").value_name("up|down")
        }
        None => argument.action(ArgAction::SetTrue),
    }
}
