//! Redis: AUTH, SELECT and GET as the module sends them, and PTTL.

use page_cache::Failure;
use page_cache::directive::Store;
use page_cache::key::CacheKey;
use page_cache::pipeline::Value;
use page_cache::wire::redis::head;
use page_cache::wire::{Handshake, Head};
use redis::{
    Client, Cmd, Connection, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    Value as Reply,
};

use super::{Limits, Place, TimeToLive, Trouble};

pub(super) struct Redis {
    connection: Connection,
    /// Knows which words of an error may be shown.
    handshake: Handshake,
}

impl Redis {
    pub(super) fn open(place: &Place, store: &Store, limits: &Limits) -> Result<Self, Trouble> {
        let handshake =
            Handshake { user: store.user.clone(), password: store.password.clone(), db: store.db };
        let failed = |error: RedisError| match error {
            error if error.is_timeout() => Trouble::connect(place, &"it took too long"),
            error => Trouble::connect(place, &error),
        };
        let connection = client(place).map_err(failed)?;
        let connection =
            connection.get_connection_with_timeout(limits.left_to_connect()?).map_err(failed)?;
        let mut redis = Self { connection, handshake };
        // The crate's own log-in takes text only, and passwords are bytes.
        if let Some(password) = &store.password {
            let mut auth = Cmd::new();
            auth.arg("AUTH");
            if let Some(user) = &store.user {
                auth.arg(user);
            }
            redis.log_in(auth.arg(password), limits)?;
        }
        if store.db != 0 {
            redis.log_in(Cmd::new().arg("SELECT").arg(store.db), limits)?;
        }
        Ok(redis)
    }

    pub(super) fn get(
        &mut self,
        key: &CacheKey,
        limits: &Limits,
    ) -> Result<Option<Value>, Trouble> {
        match self.ask(Cmd::new().arg("GET").arg(key.as_bytes()), limits) {
            Ok(Reply::BulkString(bytes)) => Ok(Some(Value { flags: None, bytes })),
            Ok(Reply::Nil) => Ok(None),
            Ok(_) => {
                Err(Trouble::new(Failure::Protocol, "the store's reply is not one to a look-up"))
            }
            Err(trouble) => Err(trouble),
        }
    }

    pub(super) fn time_to_live(&mut self, key: &CacheKey, limits: &Limits) -> TimeToLive {
        match self.ask(Cmd::new().arg("PTTL").arg(key.as_bytes()), limits) {
            Ok(Reply::Int(-1)) => TimeToLive::Unlimited,
            Ok(Reply::Int(ms)) => match u64::try_from(ms) {
                Ok(ms) => TimeToLive::Seconds(ms / 1000),
                Err(_) => TimeToLive::Unknown("the value is gone by now".to_owned()),
            },
            Ok(_) => TimeToLive::Unknown("the store's reply is not one to PTTL".to_owned()),
            Err(trouble) => TimeToLive::Unknown(trouble.what),
        }
    }

    fn log_in(&mut self, command: &Cmd, limits: &Limits) -> Result<(), Trouble> {
        match self.ask(command, limits) {
            Ok(Reply::Okay) => Ok(()),
            Ok(_) => Err(Trouble::new(Failure::Protocol, "the store answers AUTH with nonsense")),
            // Whatever error it is: the store did not let us in.
            Err(trouble) => match trouble.why {
                Failure::Timeout | Failure::Closed => Err(trouble),
                _ => Err(Trouble { why: Failure::Auth, ..trouble }),
            },
        }
    }

    fn ask(&mut self, command: &Cmd, limits: &Limits) -> Result<Reply, Trouble> {
        let left = Some(limits.left()?);
        let set = self.connection.set_read_timeout(left);
        set.and_then(|()| self.connection.set_write_timeout(left))
            .and_then(|()| command.query::<Reply>(&mut self.connection))
            .map_err(|error| self.trouble(&error))
    }

    fn trouble(&self, error: &RedisError) -> Trouble {
        if error.is_timeout() {
            return Trouble::timeout();
        }
        let Some(code) = error.code() else {
            let why = if error.is_io_error() { Failure::Closed } else { Failure::Protocol };
            return Trouble::new(why, self.handshake.tell(error.to_string().as_bytes()));
        };
        let line = match error.detail() {
            Some(detail) => format!("-{code} {detail}"),
            None => format!("-{code}"),
        };
        // The module's own reading of the error line.
        match head(line.as_bytes()) {
            Ok(Head::Refused { why, text, .. }) => {
                Trouble::new(why, format!("the store says: {}", self.handshake.tell(text)))
            }
            _ => Trouble::new(Failure::Protocol, "the store answers with an error"),
        }
    }
}

fn client(place: &Place) -> Result<Client, RedisError> {
    let address = match place {
        Place::Tcp(address) => ConnectionAddr::Tcp(address.ip().to_string(), address.port()),
        Place::Unix(path) => ConnectionAddr::Unix(path.clone()),
    };
    let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    Client::open(address.into_connection_info()?.set_redis_settings(settings))
}
