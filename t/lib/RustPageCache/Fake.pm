package RustPageCache::Fake;

# Stores that lie, stall, dribble and hang up: servers that speak memcached's or
# Redis's protocol up to the reply, which the test writes. Each connection has a
# process of its own, so that one that stalls holds up no other.

use v5.32;
use warnings;
use experimental 'signatures';

use Fcntl qw(O_APPEND O_CREAT O_WRONLY);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER SOMAXCONN TCP_NODELAY);
use Time::HiRes qw(sleep);

use RustPageCache::Ports qw(free_port listen_on);
use RustPageCache::Process qw(fork_child);

my $count = 0;

# $talk->($connection) is called once for each connection.
sub start ($class, $talk, %options) {
    my $self = bless {port => $options{port} // free_port, scheme => $options{scheme}}, $class;
    $self->{journal} = "$options{dir}/fake-" . ++$count . '.journal';
    open my $touch, '>', $self->{journal} or die "$self->{journal}: $!\n";
    my $server = listen_on($self->{port}) or die "fake store: $!\n";
    $self->{pid} = fork_child(sub {
        $SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
        while (1) {
            my $client = $server->accept or next;
            $self->note('connection');
            next if fork;
            close $server;
            setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
            my $connection = bless {socket => $client, buffer => '', fake => $self},
                'RustPageCache::Fake::Connection';
            eval { $talk->($connection); 1 } or print STDERR "# fake store: $@";
            $self->note('closed');
            POSIX::_exit(0);
        }
    });
    return $self;
}

# $reply->($connection, $key) answers one look-up; it may do so in any way.
sub memcached ($class, $reply, %options) {
    my $talk = sub ($connection) {
        while (defined(my $line = $connection->line)) {
            my ($verb, @words) = split ' ', $line;
            $connection->note("$verb @words");
            $reply->($connection, $_) for $verb =~ /^gets?$/ ? @words : $words[0];
        }
    };
    return $class->start($talk, scheme => 'memcached', %options);
}

# The same for Redis. AUTH and SELECT are answered by +OK unless `handshake`
# answers them: $handshake->($connection, @words).
sub redis ($class, $reply, %options) {
    my $handshake = $options{handshake} // sub ($connection, @) { $connection->send("+OK\r\n") };
    my $talk = sub ($connection) {
        while (my @words = $connection->command) {
            $connection->note("@words");
            if (uc $words[0] eq 'GET') { $reply->($connection, $words[1]) }
            else                       { $handshake->($connection, @words) }
        }
    };
    return $class->start($talk, scheme => 'redis', %options);
}

sub port ($self)    { return $self->{port} }
sub address ($self) { return "127.0.0.1:$self->{port}" }
sub uri ($self)     { return "$self->{scheme}://" . $self->address }

sub stop ($self) {
    RustPageCache::Process::stop(delete $self->{pid}) if $self->{pid};
    return $self;
}

# What was asked for, in order of arrival; `connection` for each that was opened,
# `closed` for each that the other side has left.
sub journal ($self) {
    open my $in, '<:raw', $self->{journal} or die "$self->{journal}: $!\n";
    return map { chomp; $_ } <$in>;
}

sub connections ($self) { return scalar grep { $_ eq 'connection' } $self->journal }
sub closed ($self)      { return scalar grep { $_ eq 'closed' } $self->journal }
sub commands ($self)    { return grep { !/^(?:connection|closed)$/ } $self->journal }
sub gets ($self)        { return grep { /^get /i } $self->journal }

sub note ($self, $line) {
    sysopen my $out, $self->{journal}, O_WRONLY | O_APPEND | O_CREAT or return;
    syswrite $out, "$line\n";
    return;
}

package RustPageCache::Fake::Connection;

use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep);

sub note ($self, $line) { return $self->{fake}->note($line) }

sub send ($self, $bytes) {
    my $offset = 0;
    while ($offset < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $offset, $offset;
        POSIX::_exit(0) if !defined $n;    # nobody is left to lie to
        $offset += $n;
    }
    return $self;
}

# Byte by byte, each in a segment of its own.
sub dribble ($self, $bytes, $pause = 0.001) {
    for my $byte (split //, $bytes) {
        $self->send($byte);
        sleep $pause;
    }
    return $self;
}

sub pause ($self, $seconds) { sleep $seconds; return $self }

# Says nothing more, and stays until the other side leaves.
sub stall ($self) {
    1 while sysread $self->{socket}, my $ignored, 65_536;
    POSIX::_exit(0);
}

sub close ($self) {
    CORE::close($self->{socket});
    POSIX::_exit(0);
}

# Closes with RST.
sub reset ($self) {
    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    return $self->close;
}

# A line without its CRLF; undef at the end.
sub line ($self) {
    while ($self->{buffer} !~ /\r\n/) {
        sysread $self->{socket}, $self->{buffer}, 65_536, length $self->{buffer} or return;
    }
    $self->{buffer} =~ s/\A(.*?)\r\n//s;
    return $1;
}

# True if bytes have come that were not read yet.
sub more ($self) {
    return IO::Select->new($self->{socket})->can_read(0);
}

# One command of Redis, an array of bulk strings; empty at the end.
sub command ($self) {
    my $line = $self->line // return;
    my ($n) = $line =~ /^\*(\d+)$/ or return;
    my @words;
    for (1 .. $n) {
        my ($length) = ($self->line // return) =~ /^\$(\d+)$/ or return;
        while (length $self->{buffer} < $length + 2) {
            sysread $self->{socket}, $self->{buffer}, 65_536, length $self->{buffer} or return;
        }
        push @words, substr $self->{buffer}, 0, $length, '';
        substr $self->{buffer}, 0, 2, '';
    }
    return @words;
}

# Well-formed replies, for stores that lie about something else.
sub value ($self, $key, $value, $flags = 0) {
    return $self->send("VALUE $key $flags " . length($value) . "\r\n$value\r\nEND\r\n");
}

sub bulk ($self, $value) { return $self->send('$' . length($value) . "\r\n$value\r\n") }

1;
