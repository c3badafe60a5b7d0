package RustPageCache::Redis;

# A real Redis on a TCP port and a unix socket, and a client of a dozen lines.

use v5.32;
use warnings;
use experimental 'signatures';

use IO::Socket::INET;

use RustPageCache::Ports qw(free_port);
use RustPageCache::Process qw(spawn wait_until);

# dir, name => scratch folder and the name of its files; password => requirepass;
# user, secret => an ACL user who may only read; host => its address
sub start ($class, %options) {
    my $self = bless {%options}, $class;
    $self->{host} //= '127.0.0.1';
    $self->{port} //= free_port;
    $self->{socket} = "$self->{dir}/$self->{name}.sock";
    return $self->restart;
}

# Starts it, empty, on the same port and socket.
sub restart ($self) {
    $self->stop;
    my $conf = "$self->{dir}/$self->{name}.conf";
    open my $out, '>', $conf or die "$conf: $!\n";
    print {$out} <<"CONF";
bind $self->{host}
port $self->{port}
unixsocket $self->{socket}
unixsocketperm 777
dir $self->{dir}
save ""
appendonly no
daemonize no
CONF
    print {$out} qq(requirepass "$self->{password}"\n) if defined $self->{password};
    print {$out} "user $self->{user} on >$self->{secret} ~* &* -\@all +\@read +\@connection\n"
        if defined $self->{user};
    close $out or die "$conf: $!\n";
    $self->{pid} = spawn("$self->{dir}/$self->{name}.log", 'redis-server', $conf);
    wait_until(sub { $self->connect && -S $self->{socket} }) or die "Redis does not start\n";
    return $self;
}

sub stop ($self) {
    delete $self->{client};
    RustPageCache::Process::stop(delete $self->{pid}) if $self->{pid};
    return $self;
}

sub port ($self)     { return $self->{port} }
sub socket ($self)   { return $self->{socket} }
sub password ($self) { return $self->{password} }
sub address ($self)  { return "$self->{host}:$self->{port}" }
sub uri ($self)      { return 'redis://' . $self->address }
sub unix_uri ($self) { return "redis://unix:$self->{socket}" }

sub freeze ($self) { RustPageCache::Process::freeze($self->{pid}); return $self }
sub thaw ($self)   { kill 'CONT', $self->{pid}; return $self }

# The parameter is there to stand where memcached's stands; Redis has no flags.
sub set ($self, $key, $value, $db = 0) {
    $self->ask('SELECT', $db);
    $self->ask('SET', $key, $value);
    $self->ask('SELECT', 0);
    return $self;
}

sub delete ($self, $key) { $self->ask('DEL', $key); return $self }
sub flush ($self)        { $self->ask('FLUSHALL');  return $self }

sub connect ($self) {
    return IO::Socket::INET->new(PeerAddr => $self->{host}, PeerPort => $self->{port});
}

# The first line of the answer; dies on an error.
sub ask ($self, @words) {
    my $client = $self->{client};
    if (!$client) {
        $client = $self->{client} = $self->connect // die "Redis: $!\n";
        if (defined $self->{password}) {
            print {$client} encode('AUTH', $self->{password});
            <$client> =~ /^\+OK/ or die "Redis: AUTH\n";
        }
    }
    print {$client} encode(@words);
    my $answer = <$client> // die "Redis closed the connection\n";
    die "Redis: $answer" if $answer =~ /^-/;
    return $answer;
}

# One command as an array of bulk strings.
sub encode (@words) {
    return join '', '*' . @words . "\r\n", map { '$' . length($_) . "\r\n$_\r\n" } @words;
}

1;
