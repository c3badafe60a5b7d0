package RustPageCache::Load;

# Clients that ask for pages all the time, while a test does something to nginx or
# to a store, and count what they did not get. Every page names its own URL, so
# that somebody else's is told from one's own.

use v5.32;
use warnings;
use experimental 'signatures';

use JSON::PP;
use Time::HiRes qw(sleep time);

use RustPageCache::Client;
use RustPageCache::Process qw(fork_child wait_until);

# So many failures are told of one by one.
use constant SHOWN => 5;

my $count = 0;

# dir => scratch folder; port => of nginx; clients => how many; targets => what
# they ask for; bodies => sub ($target), the bodies that are right for it;
# keepalive => over connections that are kept; pause => seconds between requests
sub start ($class, %options) {
    my $self = bless {clients => 2, pause => 0.002, %options}, $class;
    $self->{flag} = "$options{dir}/load-" . ++$count . '.runs';
    open my $out, '>', $self->{flag} or die "$self->{flag}: $!\n";
    $self->{files} = [map { "$self->{flag}.$_" } 1 .. $self->{clients}];
    $self->{pids}  = [map { my $file = $_; fork_child(sub { $self->run($file) }) } @{$self->{files}}];
    return $self;
}

# Ends it; requests => how many were answered, cached => so many by the cache,
# failures => how many were not answered rightly, text => what the first of them were,
# slowest => seconds that the slowest took.
sub stop ($self) {
    unlink $self->{flag};
    my %sum = (requests => 0, cached => 0, failures => 0, slowest => 0, text => []);
    for my $i (0 .. $#{$self->{files}}) {
        my $file = $self->{files}[$i];
        wait_until(sub { -e $file }, 30) or die "a client of the load does not end\n";
        RustPageCache::Process::stop($self->{pids}[$i]);
        open my $in, '<:raw', $file or die "$file: $!\n";
        my $result = decode_json(do { local $/; <$in> });
        $sum{$_} += $result->{$_} for qw(requests cached failures);
        $sum{slowest} = $result->{slowest} if $result->{slowest} > $sum{slowest};
        push @{$sum{text}}, @{$result->{text}};
    }
    return \%sum;
}

sub run ($self, $file) {
    my %result = (requests => 0, cached => 0, failures => 0, slowest => 0, text => []);
    my @targets = @{$self->{targets}};
    my $i       = int rand @targets;
    while (-e $self->{flag}) {
        my $target = $targets[$i++ % @targets];
        my $begin  = time;
        my $answer = eval { $self->ask($target) };
        my $took   = time - $begin;
        my $wrong  = $answer ? $self->wrong($target, $answer) : $@ || 'no answer';
        $result{requests}++;
        $result{cached}++ if $answer && $answer->cache =~ /^HIT/;
        $result{slowest} = $took if $took > $result{slowest};
        if ($wrong) {
            $result{failures}++;
            push @{$result{text}}, sprintf '%s after %.2f s: %s', $target, $took, $wrong
                if @{$result{text}} < SHOWN;
        }
        sleep $self->{pause};
    }
    open my $out, '>:raw', "$file.new" or die "$file: $!\n";
    print {$out} encode_json(\%result);
    close $out or die "$file: $!\n";
    rename "$file.new", $file;
    return;
}

# A server may close a connection that is kept at the very moment of a request, and
# every client asks again then (RFC 9112, section 9.3.1); but not over a new one.
sub ask ($self, $target) {
    my @headers = $self->{keepalive} ? (Connection => 'keep-alive') : ();
    my $bytes   = RustPageCache::Client::get($target, @headers);
    my $kept    = delete $self->{kept};
    my $client  = $kept // RustPageCache::Client->connect($self->{port});
    my $answer  = $client->send($bytes)->response;
    if (!$answer && $kept && $kept->{eof} && $kept->{buffer} eq '') {
        $client = RustPageCache::Client->connect($self->{port});
        $answer = $client->send($bytes)->response;
    }
    $self->{kept} = $client
        if $self->{keepalive} && $answer && ($answer->header('Connection') // '') ne 'close';
    return $answer;
}

sub wrong ($self, $target, $answer) {
    return 'status ' . $answer->status if $answer->status != 200;
    return if grep { $_ eq $answer->body } $self->{bodies}->($target);
    return 'the body is ' . substr $answer->body, 0, 40;
}

1;
