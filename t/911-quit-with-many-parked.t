# `nginx -s quit` with hundreds of look-ups under way: all are answered, and nothing stays.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Holding;
use Time::HiRes qw(time);

use constant MANY => 300;

my $holding = RustPageCache::Holding->start(dir => scratch);

sub start ($timeout) {
    return nginx(workers => 2, errors => [$holding->address], server => <<"CONF");
    rust_page_cache_timeout $timeout;
    location / {
        rust_page_cache @{[$holding->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
}

sub park ($nginx) {
    $holding->hold->forget;
    my @clients = map { $nginx->client->send(RustPageCache::Client::get("/hold/$_")) } 1 .. MANY;
    ok wait_until(sub { $holding->asked >= MANY }), 'all are under way';
    return @clients;
}

sub answers (@clients) {
    my %answer;
    $answer{$_ ? $_->cache : 'none'}++ for map { $_->response } @clients;
    return \%answer;
}

my $nginx   = start('30s');
my @clients = park($nginx);
my @workers = $nginx->all_worker_pids;
is_deeply [$nginx->run('-s', 'quit')], [0, ''], 'nginx -s quit';
ok wait_until(sub { @{[$nginx->leaving]} == 2 }), 'the workers wait';
$_->abort for splice @clients, 0, 100;
$holding->release;
is_deeply answers(@clients), {HIT => 200}, 'those who have stayed are answered';
$nginx->finish;
is scalar(grep { RustPageCache::Nginx::alive($_) } @workers), 0, 'no worker is left';

# The store never answers: the budget is the limit.
$nginx   = start('2s');
@clients = park($nginx);
my $begin = time;
$nginx->run('-s', 'quit');
is scalar(grep { $_ && $_->body eq "fallback\n" } map { $_->response } @clients), MANY,
    'the fallback answers all, when it is time';
$nginx->finish('silent store');
cmp_ok time - $begin, '<', 6, 'and nginx ends then';

# Nobody waits for the answers any more.
$holding->release;
$nginx   = start('3s');
@clients = park($nginx);
$begin   = time;
$nginx->run('-s', 'quit');
$_->abort for @clients;
$nginx->finish('all have left');
cmp_ok time - $begin, '<', 6, 'look-ups of those who left do not keep it longer than theirs would';

# And `nginx -s stop` waits for nobody.
$holding->release;
$nginx   = start('30s');
@clients = park($nginx);
$begin   = time;
$nginx->run('-s', 'stop');
$nginx->finish('stop');
cmp_ok time - $begin, '<', 4, 'stop: at once';

done_testing;
