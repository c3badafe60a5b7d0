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
use RustPageCache::Ports qw(listen_on);
use RustPageCache::Process qw(wait_until);

use constant LENGTH => 2_000;

my $count = 0;

sub start ($class, %options) {
    # Its predecessor's children may still be about to end.
    my $is_free = sub { my $socket = listen_on($options{port}) // return; close $socket };
    wait_until($is_free) or die "$options{port}: $!\n" if $options{port};
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
    my ($select, @commands) = IO::Select->new($c->{socket});
    my $sent = -1;
    while (1) {
        if ($select->can_read(@commands ? 0.02 : undef)) {
            sysread $c->{socket}, $c->{buffer}, 65_536, length $c->{buffer} or return;
            push @commands, arrived($c, $1) while $c->{buffer} =~ s/\A([^\r\n]*)\r\n//;
        }
        while (@commands && (!@{$commands[0]} || -e $gate)) {
            my ($first, @others) = @{shift @commands};
            my $rest = defined $first ? substr value($first), $sent < 0 ? 0 : $sent : '';
            $c->send(join '', $rest, (map { value($_) } @others), "END\r\n");
            $sent = -1;
        }
        next if !@commands;
        # All but the last bytes, one by one; at first as many as show whose they are.
        my $value = value($commands[0][0]);
        next if $sent >= LENGTH;
        my $from = $sent < 0 ? 0 : $sent;
        $sent = $sent < 0 ? length($value) - LENGTH : $sent + 1;
        $c->send(substr $value, $from, $sent - $from);
    }
}

# Writes down each key of a command; those of them that are to be held.
sub arrived ($c, $line) {
    my (undef, @keys) = split / /, $line;
    my %seen;
    $c->note("get $_") for grep { !$seen{$_}++ } @keys;
    return [grep { /hold/ } @keys];
}

sub value ($key) { return "VALUE $key 0 " . LENGTH . "\r\n" . 'x' x LENGTH . "\r\n" }

1;
