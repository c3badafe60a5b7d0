//! The conversation with the store, step by step as the module has it.

use std::rc::Rc;
use std::time::Instant;

use page_cache::Miss;
use page_cache::directive::Spec;
use page_cache::key::CacheKey;
use page_cache::key::django::{DjangoKeys, PageMethod};
use page_cache::key::vary::{VaryForm, vary_digest};
use page_cache::lookup::conversation::{Answer, Lookup, Plan, Reading, Step};
use page_cache::lookup::{Hint, Memory};
use page_cache::page::django::{DjangoOptions, HeaderList, header_list};
use page_cache::page::{Page, Refusal};
use page_cache::pipeline::Value;

use crate::args::Explain;
use crate::request::Request;
use crate::store::{Connection, Limits, TimeToLive, Trouble};

/// A look-up and all that came up in it.
pub struct Inquiry<'a> {
    spec: &'a Spec,
    options: &'a Explain,
    request: &'a Request,
    reading: Reading,
    /// Django's keys of the URI, where these are asked for.
    pub django: Option<DjangoKeys>,
    /// The keys, in the order in which they were asked for.
    pub asked: Vec<Asked>,
    /// The list of headers that Django's page varies on, once it was read.
    pub list: Option<HeaderList>,
    /// Milliseconds until the look-up was decided.
    pub time_ms: Option<u128>,
    connection: Option<Connection>,
}

/// A key and what the store said to it.
pub struct Asked {
    /// The key.
    pub key: CacheKey,
    /// What lies under it; an error if the store did not answer. Nothing before it was asked.
    pub reply: Option<Result<Option<Rc<Value>>, Trouble>>,
}

/// How a look-up ended.
pub enum End {
    /// With a page, which lay under the key of that number.
    Page(Box<Page>, Option<usize>),
    /// Without, more about that where there is more to say (what is wrong at which place in the
    /// pickle, or what the value's flags may mean), and what would mend it.
    Refused(Refusal, Option<String>, Option<Hint>),
    /// The store failed.
    Failed(Trouble),
}

impl<'a> Inquiry<'a> {
    /// A look-up that has not begun.
    pub fn new(spec: &'a Spec, options: &'a Explain, request: &'a Request, plan: &Plan) -> Self {
        let (reading, django) = match plan {
            Plan::Key { reading, .. } => (*reading, None),
            Plan::Django(plan) => (plan.reading, Some(plan.keys.clone())),
        };
        Self {
            spec,
            options,
            request,
            reading,
            django,
            asked: Vec::new(),
            list: None,
            time_ms: None,
            connection: None,
        }
    }

    /// Asks the store until the look-up is decided.
    pub fn run(&mut self, plan: Plan) -> End {
        let began = Instant::now();
        let limits = self.limits(began);
        let mut memory = Memory::new();
        let (mut lookup, mut step) = Lookup::start(plan, &mut memory, self.request, 0);
        let mut end = None;
        while let Step::Ask(keys) = step {
            step = Step::Wait;
            let first = self.asked.len();
            self.asked.extend(keys.into_iter().map(|key| Asked { key, reply: None }));
            for i in first..self.asked.len() {
                let answer = self.ask(i, &limits);
                // The module has asked for all of these at once; whether the store has a key
                // that no longer matters is still worth a line.
                if end.is_some() {
                    continue;
                }
                let next =
                    answer.map(|answer| lookup.answer(i, answer, &mut memory, self.request, 0));
                end = match next {
                    Ok(Step::Done(result)) => Some(ended(result, &lookup)),
                    Ok(Step::Wait) => None,
                    Ok(ask) => {
                        step = ask;
                        None
                    }
                    Err(trouble) => Some(End::Failed(trouble)),
                };
                if end.is_some() {
                    self.time_ms = Some(began.elapsed().as_millis());
                }
            }
        }
        match (end, step) {
            (Some(end), _) => end,
            // Decided without a question.
            (None, Step::Done(result)) => ended(result, &lookup),
            (None, _) => End::Refused(Miss::Absent.into(), None, None),
        }
    }

    fn limits(&self, began: Instant) -> Limits {
        Limits {
            connect_timeout: self.options.connect_timeout,
            deadline: began + self.options.timeout,
            max_size: self.options.max_size,
        }
    }

    /// Asks the store for the `i`th key.
    fn ask(&mut self, i: usize, limits: &Limits) -> Result<Answer, Trouble> {
        let Some(asked) = self.asked.get_mut(i) else { return Ok(Answer::Absent) };
        let got = match &mut self.connection {
            Some(connection) => connection.get(&asked.key, limits),
            None => Connection::open(&self.spec.store, limits)
                .and_then(|opened| self.connection.insert(opened).get(&asked.key, limits)),
        };
        let reply = asked.reply.insert(got.map(|value| value.map(Rc::new)));
        let value = reply.as_ref().map_err(Trouble::clone)?.clone();
        let Some(value) = value else { return Ok(Answer::Absent) };
        if i == 0 && self.django.is_some() {
            let Reading { max_size, gzip_flag, .. } = self.reading;
            self.list = header_list(&value, &DjangoOptions { max_size, gzip_flag }).ok();
        }
        Ok(Answer::Value(value))
    }

    /// Which releases' forms of the Vary digest make this key of the request, whether or not
    /// the module would ask for it.
    pub fn forms_of(&self, key: &CacheKey, method: PageMethod) -> Vec<VaryForm> {
        let is = |form: &VaryForm| self.page_key(*form, method).is_some_and(|made| made == *key);
        VaryForm::ALL.into_iter().filter(is).collect()
    }

    fn page_key(&self, form: VaryForm, method: PageMethod) -> Option<CacheKey> {
        let (keys, list) = (self.django.as_ref()?, self.list.as_ref()?);
        let digest = vary_digest(list.iter(), self.request, form).ok()?;
        keys.page(method, &digest).ok()
    }

    /// Asks for the page in every form that the module did not ask for. For each key that is
    /// there, the forms that make it. Asked for the reader only, as `time_to_live`.
    pub fn look_in_other_forms(&mut self) -> Vec<Vec<VaryForm>> {
        let limits = self.limits(Instant::now());
        let mut found = Vec::new();
        for form in VaryForm::ALL {
            let Some(key) = self.page_key(form, PageMethod::Get) else { continue };
            if self.asked.iter().any(|asked| asked.key == key) {
                continue;
            }
            let forms = self.forms_of(&key, PageMethod::Get);
            self.asked.push(Asked { key, reply: None });
            if let Ok(Answer::Value(_)) = self.ask(self.asked.len() - 1, &limits) {
                found.push(forms);
            }
        }
        found
    }

    /// The address that was asked.
    pub fn address(&self) -> Option<&str> {
        self.connection.as_ref().map(Connection::address)
    }

    /// How long the value of a key will stay. Asked for the reader only: it counts neither as
    /// the look-up's time nor as its budget.
    pub fn time_to_live(&mut self, key: &CacheKey) -> TimeToLive {
        let limits = self.limits(Instant::now());
        match &mut self.connection {
            Some(connection) => connection.time_to_live(key, &limits),
            None => TimeToLive::Unknown("there is no connection".to_owned()),
        }
    }
}

fn ended(result: Result<Page, Refusal>, lookup: &Lookup) -> End {
    match result {
        Ok(page) => End::Page(Box::new(page), lookup.key_of_page()),
        Err(refusal) => {
            let more = lookup.error().map(ToString::to_string);
            let flags = || lookup.flags_hint().filter(|_| refusal == Miss::Flags.into());
            End::Refused(refusal, more.or_else(flags), lookup.hint().cloned())
        }
    }
}
