package RustPageCache::Holding;

# A memcached that writes down at once what it is asked for, and keeps those who
# ask for a key with `hold` in it waiting until it is told to let them go. It
# dribbles meanwhile, so that nobody takes it to be down. It holds no page, but
# one of what it kept back.

use v5.32;
use warnings;
use experimental 'signatures';

use parent -norequire, 'RustPageCache::Fake';

use IO::Select;
use IO::Socket::INET;

use RustPageCache::Fake;
use RustPageCache::Process qw(wait_until);

use constant LENGTH => 2_000;

my $count = 0;

sub start ($class, %options) {
    my $gate = "$options{dir}/holding-" . ++$count . '.open';
    my $self = $class->SUPER::start(sub ($c) { serve($c, $gate) }, scheme => 'memcached', %options);
    $self->{gate} = $gate;
    return $self;
}

# Lets go whom it holds, and whoever comes until `hold` is called.
sub release ($self) {
    open my $out, '>', $self->{gate} or die "$self->{gate}: $!\n";
    return $self;
}

sub hold ($self) { unlink $self->{gate}; return $self }

# How many keys it has been asked for since `forget`.
sub asked ($self)  { return scalar(() = $self->gets) }
sub forget ($self) { truncate $self->{journal}, 0; return $self }

# Takes no new connection; those it has stay.
sub refuse ($self) {
    kill 'KILL', $self->{pid};
    my $refuses = sub { !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->port) };
    wait_until($refuses) or die "the store still listens\n";
    return $self;
}

sub serve ($c, $gate) {
    my ($select, @keys) = IO::Select->new($c->{socket});
    my $sent = -1;
    while (1) {
        if ($select->can_read(@keys ? 0.02 : undef)) {
            sysread $c->{socket}, $c->{buffer}, 65_536, length $c->{buffer} or return;
            while ($c->{buffer} =~ s/\A([^\r\n]*)\r\n//) {
                $c->note($1);
                push @keys, $1 =~ s/^gets? //r;
            }
        }
        while (@keys && ($keys[0] !~ /hold/ || -e $gate)) {
            my $key = shift @keys;
            if   ($key =~ /hold/) { $c->send(rest($key, $sent)) }
            else                  { $c->send("END\r\n") }
            $sent = -1;
        }
        next if !@keys;
        # The last byte is not dribbled.
        next if $sent >= LENGTH - 1;
        $c->send($sent < 0 ? head($keys[0]) : 'x');
        $sent++;
    }
}

sub head ($key) { return "VALUE $key 0 " . LENGTH . "\r\n" }

sub rest ($key, $sent) {
    my $head = $sent < 0 ? head($key) : '';
    return $head . 'x' x (LENGTH - ($sent < 0 ? 0 : $sent)) . "\r\nEND\r\n";
}

1;
