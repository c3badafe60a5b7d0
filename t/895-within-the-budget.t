# However many servers are tried, a request waits no longer than rust_page_cache_timeout.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;

# A server that does not let us in is found out after the time to connect; every test has its own,
# for who has been found out is left alone.
sub locked () {
    return fake_redis(sub ($c, $key) { }, handshake => sub ($c, @) { $c->stall })->address;
}

sub silent () { return fake_redis(sub ($c, $key) { $c->stall })->address }
sub good ()   { return fake_redis(sub ($c, $key) { $c->bulk("page $key\n") })->address }

# name => servers, time to connect, budget, outcome, seconds at least and less than
my %row = (
    'the-other-answers'     => [[locked, good],             1000, 8000, 'HIT',           0.95, 2.9],
    'the-third-answers'     => [[locked, locked, good],     1000, 8000, 'HIT',           1.95, 3.9],
    'the-backup-answers'    => [[locked, good . ' backup'], 1000, 8000, 'HIT',           0.95, 2.9],
    'the-other-is-silent'   => [[locked, silent],           1200, 1800, 'ERROR timeout', 1.75, 2.8],
    'none-lets-us-in'       => [[map { locked } 1 .. 4],    800,  2000, 'ERROR',         1.95, 3.0],
    'no-time-for-the-other' => [[locked, good],             4000, 800,  'ERROR',         0.75, 2.0],
    'silent'                => [[silent, good],             600,  800,  'ERROR timeout', 0.75, 2.0],
);
my (@upstreams, @locations);
for my $name (sort keys %row) {
    my ($servers, $connect, $budget) = @{$row{$name}};
    push @upstreams, "upstream $name {", (map { "server $_;" } @$servers), '}';
    push @locations, <<"CONF";
    location /$name {
        rust_page_cache redis://:password\@$name key=raw;
        rust_page_cache_connect_timeout ${connect}ms;
        rust_page_cache_timeout ${budget}ms;
    }
CONF
}
my $nginx = nginx(
    errors => ['rust_page_cache'],
    http   => join("\n", @upstreams),
    server => join '', <<'CONF', @locations);
    add_header X-Cache $rust_page_cache_status;
    add_header X-Cache-Reason $rust_page_cache_reason;
    add_header X-Time $rust_page_cache_time;
    location @django {
        return 200 "fallback\n";
    }
CONF

# All at once: their times do not add up.
my @names   = sort keys %row;
my %answers = map { shift @names => $_ } $nginx->get_many(map { "/$_" } @names);
for my $name (sort keys %row) {
    my (undef, undef, undef, $outcome, $least, $most) = @{$row{$name}};
    my $answer = $answers{$name} or fail("$name: an answer"), next;
    like $answer->cache, qr/^$outcome/, "$name: $outcome";
    is $answer->body, $outcome eq 'HIT' ? "page /$name\n" : "fallback\n", "$name: the body";
    cmp_ok $answer->header('X-Time'), '>=', $least, "$name: waits for who may still come";
    cmp_ok $answer->header('X-Time'), '<', $most, "$name: and no longer";
}

$nginx->finish;

done_testing;
