# Pages that vary: each release digests the values in its own way; auto finds out which.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page vary_digest);

# release => how it digests
my %form = (
    '3.2.25'  => 'raw',
    '5.2.18'  => 'raw',
    '5.2.19'  => 'raw-absent',
    '6.0.9'   => 'raw',
    '6.0.10'  => 'raw-absent',
    '6.1'     => 'netstring',
    '6.1.2'   => 'netstring',
    '6.1.3'   => 'netstring-absent',
    '7.0'     => 'netstring-absent',
);
my $locations = join "\n", map { <<"CONF" } sort(keys %form), 'auto';
    location /$_/ {
        rust_page_cache @{[memcached->uri]} django=$_ uri=http://localhost/page;
    }
CONF
my $nginx = nginx(server => <<"CONF");
    $locations
    location \@django {
        return 200 "fallback\\n";
    }
CONF

my @list = ('HTTP_COOKIE', 'HTTP_X_A');
# name => [request headers, values in the order of the list]
my %request = (
    'both'         => [[Cookie => 'a=1', 'X-A' => '2'], ['a=1', '2']],
    'one absent'   => [['X-A' => '2'], [undef, '2']],
    'both absent'  => [[], [undef, undef]],
    'one empty'    => [[Cookie => '', 'X-A' => '2'], ['', '2']],
    'with blanks'  => [[Cookie => "  a=1 \t", 'X-A' => '2'], ['a=1', '2']],
    'latin-1'      => [[Cookie => "a=caf\xe9", 'X-A' => '2'], ["a=caf\xc3\xa9", '2']],
    'letters'      => [[cookie => 'a=1', 'x-a' => '2'], ['a=1', '2']],
);

for my $name (sort keys %request) {
    my ($headers, $values) = @{$request{$name}};
    for my $release (sort keys %form) {
        my $digest = vary_digest($form{$release}, @$values);
        memcached->flush;
        memcached->set(header_key(uri => 'http://localhost/page'), pickled_list(@list), 1);
        memcached->set(page_key(uri => 'http://localhost/page', digest => $digest),
            pickled_page(body => "page of $release\n"), 1);
        for my $asked (sort keys %form) {
            my $same = vary_digest($form{$asked}, @$values) eq $digest;
            is $nginx->get("/$asked/", @$headers)->cache, $same ? 'HIT' : 'MISS absent',
                "$name, stored by $release, django=$asked";
        }
        # auto asks for what it does not remember once a second, so it may take one.
        next if $name ne 'one absent' || $release !~ /^(?:5\.2|6\.1)/;
        ok wait_until(sub { $nginx->get('/auto/', @$headers)->cache eq 'HIT' }, 3),
            "$name, stored by $release, django=auto";
    }
}

# A first request under auto finds the page of any release.
my $second = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} uri=http://localhost/page;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
memcached->set(page_key(uri => 'http://localhost/page', digest => vary_digest('raw', undef, '2')),
    pickled_page(body => "raw\n"), 1);
is $second->get('/', 'X-A' => '2')->body, "raw\n", 'auto is the default, and finds it at once';
my $asked = memcached->stat('cmd_get');
is $second->get('/', 'X-A' => '2')->body, "raw\n", 'auto remembers';
is memcached->stat('cmd_get') - $asked, 2, 'and asks for one page only';

# Misses do not make it ask for all forms again and again.
my $begin = time;
$asked = memcached->stat('cmd_get');
is $second->get('/', 'X-A' => "none-$_")->cache, 'MISS absent', "auto: miss $_" for 1 .. 30;
cmp_ok memcached->stat('cmd_get') - $asked, '<=', 2 * 30 + 3 * (2 + time - $begin),
    'auto asks for the others once a second at most';
$second->finish('auto');

# A header that comes twice is joined by some servers and not by others.
is $nginx->get('/6.1.3/', 'X-A' => '2', 'X-A' => '3')->cache, 'MISS vary', 'a duplicate of a header';
is $nginx->get('/6.1.3/', 'X-B' => '2', 'X-B' => '3')->cache, 'MISS absent', 'a duplicate of another';
# Servers drop a name with an underscore.
my $dropped = vary_digest('netstring-absent', undef, '2');
memcached->set(page_key(uri => 'http://localhost/page', digest => $dropped),
    pickled_page(body => "dropped\n"), 1);
is $nginx->get('/6.1.3/', 'X-A' => '2', 'X_A' => '3')->cache, 'HIT', 'a name with an underscore is none';

# What cannot be told from the request.
for my $case (
    ['MISS vary', 'HTTP_*'], ['MISS vary', 'HTTP_COOKIE', 'HTTP_*'], ['MISS absent', 'HTTP_'],
    ['ERROR undecodable', 'COOKIE'], ['ERROR undecodable', 'HTTP_x'], ['ERROR undecodable', "HTTP_A\nB"],
    )
{
    my ($outcome, @names) = @$case;
    memcached->set(header_key(uri => 'http://localhost/page'), pickled_list(@names), 1);
    my $response = $nginx->get('/6.1.3/', 'X-A' => '2');
    is $response->cache, $outcome, "a list of @names: $outcome" =~ s/\n/\\n/r;
    is $response->body, "fallback\n", "a list of @names: the fallback answers" =~ s/\n/\\n/r;
}

# Django takes the empty members of `Vary: , X-A,` for names, which no request has.
memcached->set(header_key(uri => 'http://localhost/page'), pickled_list('HTTP_', 'HTTP_', 'HTTP_X_A'), 1);
memcached->set(page_key(uri => 'http://localhost/page', digest => vary_digest('netstring-absent', undef, undef, '2')),
    pickled_page(body => "gaps\n"), 1);
is $nginx->get('/6.1.3/', 'X-A' => '2')->body, "gaps\n", 'empty names are absent headers';
is $nginx->get('/6.1.3/', 'X-A' => '3')->cache, 'MISS absent', 'and the other one counts';
$nginx->{errors} = ['rust_page_cache'];
$nginx->finish;

done_testing;
