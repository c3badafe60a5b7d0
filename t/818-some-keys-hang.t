# A proxy with a server behind it that hangs: keys of the others are served all the same.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Load;
use RustPageCache::Process qw(spawn);

use Time::HiRes qw(sleep time);

# Answers in the order of the requests, as proxies do, so that whoever comes after
# a key with `hung` in it has to wait, too, as long as the file is there.
my $hangs = scratch . '/hangs';

sub hang ()  { open my $out, '>', $hangs or die "$hangs: $!\n"; return }
sub go_on () { unlink $hangs; return }

sub value ($c, $key) {
    sleep 0.02 while $key =~ /hung/ && -e $hangs;
    return $key;
}

my %fake = (
    memcached => fake_memcached(sub ($c, $key) { $c->value($key, value($c, $key)) }),
    redis     => fake_redis(sub ($c, $key) { $c->bulk(value($c, $key)) }),
);

sub start ($store) {
    return nginx(
        errors           => ['rust_page_cache: '],
        default_timeouts => 1,
        server           => <<"CONF",
    location / {
        rust_page_cache $store key=raw;
    }
    location \@django {
        return 200 fallback;
    }
CONF
    );
}

# So much of what healthy keys are asked for comes from the cache while others are asked for that
# hang, and how long the slowest takes.
sub share ($nginx, $seconds, @targets) {
    my @options = (dir => scratch, port => $nginx->port, bodies => sub ($target) { ($target, 'fallback') });
    my ($wanted, $other) = map { RustPageCache::Load->start(@options, targets => $_) } @targets;
    sleep $seconds;
    my ($result, $hung_result) = map { $_->stop } $wanted, $other;
    for my $each ($result, $hung_result) {
        is $each->{failures}, 0, 'everybody is answered' or diag explain $each->{text};
    }
    note "asked $result->{requests} and $hung_result->{requests}, cached $result->{cached}, "
        . "slowest $result->{slowest} s";
    return $result->{cached} / $result->{requests};
}

sub check ($name, $nginx, $hang, $go_on, @targets) {
    my ($well, $hung) = @targets;
    is scalar(grep { $nginx->get($_)->cache eq 'HIT' } @$well, @$hung), 40, "$name: hits";
    $hang->();
    # Which keys are which is found out first.
    share($nginx, 3, @targets);
    my $hits = sub { scalar grep { $nginx->get($_)->cache eq 'HIT' } @$well };
    ok wait_until(sub { $hits->() == 20 }), "$name: in the end, all of what does not hang is served";
    cmp_ok share($nginx, 4, @targets), '>', 0.6, "$name: nearly all of it all the time";
    my $begin = time;
    is scalar(grep { $nginx->get($_)->cache eq 'ERROR down' } @$hung), 20, "$name: what hangs is not asked for";
    cmp_ok time - $begin, '<', 2, "$name: so that nobody waits for it";
    is scalar($nginx->log_lines('silent about others')), 1, "$name: one line tells of it";
    cmp_ok scalar($nginx->log_lines('\[error\]')), '<=', 3, "$name: among few";

    $go_on->();
    my $all = sub { !grep { $nginx->get($_)->cache ne 'HIT' } @$well, @$hung };
    ok wait_until($all, 15), "$name: all of it is back";
    $nginx->finish($name);
    return;
}

for my $name (sort keys %fake) {
    my @targets = map { my $kind = $_; [map { "/$kind/$_" } 1 .. 20] } 'well', 'hung';
    check("a $name that hangs", start($fake{$name}->uri), \&hang, \&go_on, @targets);
}

# twemproxy in front of two real memcacheds, one of which is stopped.
SKIP: {
    my $twemproxy = (grep { -x } map { "$_/nutcracker" } split(/:/, $ENV{PATH}), '/usr/sbin')[0]
        // skip 'twemproxy (nutcracker) is not installed', 1;
    my @stores = map { RustPageCache::Memcached->start(dir => scratch) } 1 .. 2;
    my ($port, $stats, $file) = (free_port, free_port, scratch . '/nutcracker.yml');
    open my $out, '>', $file or die "$file: $!\n";
    print {$out} <<"CONF";
pages:
  listen: 127.0.0.1:$port
  hash: fnv1a_64
  distribution: ketama
  servers:
@{[join "\n", map { "   - @{[$_->address]}:1" } @stores]}
CONF
    close $out or die "$file: $!\n";
    spawn(scratch . '/nutcracker.log', $twemproxy, '-c', $file, '-a', '127.0.0.1', '-s', $stats);
    my $proxy = bless {port => $port, host => '127.0.0.1'}, 'RustPageCache::Memcached';
    wait_until(sub { $proxy->connect }) or die "twemproxy does not start\n";

    # Which of them has a key only the proxy knows.
    my @targets = ([], []);
    for (my $i = 0; grep { @$_ < 20 } @targets; $i++) {
        my @before = map { $_->stat('curr_items') } @stores;
        $proxy->set("/$i", "/$i");
        my ($at) = grep { $stores[$_]->stat('curr_items') > $before[$_] } 0, 1;
        push @{$targets[$at]}, "/$i" if @{$targets[$at]} < 20;
    }
    my $nginx = start($proxy->uri);
    check('twemproxy', $nginx, sub { $stores[1]->freeze }, sub { $stores[1]->thaw }, @targets);
}

done_testing;
