package RustPageCache::Memcached;

# A real memcached, and as much of its text protocol as a test needs to fill it.

use v5.32;
use warnings;
use experimental 'signatures';

use IO::Socket::IP;
use IO::Socket::UNIX;

use RustPageCache::Ports qw(free_port);
use RustPageCache::Process qw(spawn wait_until);

# dir => scratch folder, socket => path (then it listens there and nowhere else)
sub start ($class, %options) {
    my $self = bless {%options}, $class;
    $self->{host} //= '127.0.0.1';
    $self->{port} //= free_port unless $self->{socket};
    return $self->restart;
}

# Starts it, empty, on the same port or socket.
sub restart ($self) {
    $self->stop;
    my @where = $self->{socket}
        ? ('-s', $self->{socket}, '-a', '0777')
        : ('-l', bare($self->{host}), '-p', $self->{port}, '-U', '0');
    # The largest item is far over the module's own default limit.
    my @user = $> == 0 ? ('-u', 'root') : ();
    $self->{pid}
        = spawn("$self->{dir}/memcached.log", 'memcached', @where, @user, '-m', '128', '-I', '16m');
    wait_until(sub { $self->connect }) or die "memcached does not start\n";
    return $self;
}

sub stop ($self) {
    delete $self->{client};
    RustPageCache::Process::stop(delete $self->{pid}) if $self->{pid};
    return $self;
}

sub port ($self)   { return $self->{port} }
sub socket ($self) { return $self->{socket} }

sub address ($self) {
    return $self->{socket} ? "unix:$self->{socket}" : "$self->{host}:$self->{port}";
}

sub uri ($self) { return 'memcached://' . $self->address }

# Keeps the process from answering, with its sockets open: a store that hangs.
sub freeze ($self) { RustPageCache::Process::freeze($self->{pid}); return $self }
sub thaw ($self)   { kill 'CONT', $self->{pid}; return $self }

sub set ($self, $key, $value, $flags = 0) {
    my $length = length $value;
    $self->ask("set $key $flags 0 $length\r\n$value\r\n") eq "STORED\r\n"
        or die "memcached did not store $key\n";
    return $self;
}

sub delete ($self, $key) { $self->ask("delete $key\r\n"); return $self }
sub flush ($self)        { $self->ask("flush_all\r\n");   return $self }

# A counter of `stats`, `cmd_get` say.
sub stat ($self, $name) {
    my $client = $self->connect or die "memcached: $!\n";
    print {$client} "stats\r\n";
    my $value;
    while (defined(my $line = <$client>)) {
        last if $line eq "END\r\n";
        $value = $1 if $line =~ /^STAT \Q$name\E (\S+)\r\n$/;
    }
    return $value;
}

sub connect ($self) {
    return $self->{socket}
        ? IO::Socket::UNIX->new(Peer => $self->{socket})
        : IO::Socket::IP->new(PeerHost => bare($self->{host}), PeerPort => $self->{port});
}

# An IPv6 address without its brackets.
sub bare ($host) { return $host =~ s/^\[|\]$//gr }

sub ask ($self, $command) {
    my $client = $self->{client} //= $self->connect // die "memcached: $!\n";
    print {$client} $command;
    my $answer = <$client>;
    return $answer // die "memcached closed the connection\n";
}

1;
